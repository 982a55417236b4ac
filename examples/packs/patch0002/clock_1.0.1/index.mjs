// 1.0.0 told the time of day without its zone; two servers could not be compared.
export function say() {
  return new Date().toISOString();
}
