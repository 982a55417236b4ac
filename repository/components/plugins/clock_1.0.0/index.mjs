export function say() {
  return new Date().toLocaleTimeString('en');
}
