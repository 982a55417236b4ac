export function say() {
  return 'Hello, world';
}
