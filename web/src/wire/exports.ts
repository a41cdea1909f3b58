import { ask } from "./http";

/** Formats that the server writes invoices in, and how a file of each ends. */
export const formats = { csv: "csv", focus: "focus.csv", hledger: "journal", beancount: "beancount" };
export type ExportFormat = keyof typeof formats;

/** Asks for an invoice as a file and hands it to the browser to save. A link could not carry the key. */
export async function save(contract: string, number: number, format: ExportFormat): Promise<void> {
  const query = new URLSearchParams({ contract, number: String(number) });
  const response = await ask(`/api/export/${format}?${query}`);
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = `invoice-${number}.${formats[format]}`;
  link.click();
  URL.revokeObjectURL(address);
}
