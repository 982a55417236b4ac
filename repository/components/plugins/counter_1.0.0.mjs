// A plugin may also be a single file NAME_VERSION.mjs.
let calls = 0;

export function say() {
  calls += 1;
  return `Asked ${calls} times`;
}
