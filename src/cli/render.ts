// What people see of a result. Placeholder-free plain text; tables and colours come with the terminal.

export function renderHuman(command: string, document: unknown): string {
  return `${command}: ${JSON.stringify(document)}`;
}
