export function say() {
  return 'Hello, wrold';
}
