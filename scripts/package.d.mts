export const TARGETS: Readonly<Record<string, { readonly tested: boolean }>>;
export function vsixFiles(target?: string): readonly string[];
export function makeVsix(options: {
  readonly target?: string;
  readonly out: string;
  readonly extension?: string;
}): { readonly out: string; readonly bytes: number };
