// 1.0.0 said "Asked 1 times".
let calls = 0;

export function say() {
  calls += 1;
  return calls === 1 ? 'Asked once' : `Asked ${calls} times`;
}
