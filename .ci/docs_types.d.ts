// Names that the TypeScript of the pages uses without declaring them.
declare const code: string, authenticatorCode: string;
declare const file: Blob;
declare const signInButton: HTMLButtonElement, signOutButton: HTMLButtonElement, passkeyButton: HTMLButtonElement, addButton: HTMLButtonElement;
declare function show(text: string): void;
declare module "expo-secure-store" {
  export function getItemAsync(key: string): Promise<string | null>;
  export function setItemAsync(key: string, value: string): Promise<void>;
  export function deleteItemAsync(key: string): Promise<void>;
}
declare module "next/headers" {
  export function cookies(): Promise<{ get(name: string): { value: string } | undefined; set(name: string, value: string, options: object): unknown }>;
}
