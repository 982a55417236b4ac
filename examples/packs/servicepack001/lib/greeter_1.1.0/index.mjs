export function say() {
  const hour = new Date().getHours();
  return hour < 12 ? 'Good morning, world' : hour < 18 ? 'Good afternoon, world' : 'Good evening, world';
}
