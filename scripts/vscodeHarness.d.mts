export interface Harness {
  readonly node: string;
  readonly entry: string;
  readonly chromium: string;
}
export interface Server {
  readonly url: string;
  /** The address of the workbench with the workspace open. */
  readonly page: string;
  readonly pid: number;
  log(): string;
  stop(): Promise<void>;
}
export function ensureHarness(
  say?: (line: string) => void,
): Promise<
  | { readonly harness: Harness; readonly skip?: undefined }
  | { readonly harness?: undefined; readonly skip: string }
>;
export function ensureChromium(
  say?: (line: string) => void,
): Promise<
  | { readonly path: string; readonly skip?: undefined }
  | { readonly path?: undefined; readonly skip: string }
>;
export function startCodeServer(
  harness: Harness,
  options: {
    readonly folder: string;
    readonly port: number;
    readonly workspace: string;
    readonly vsix?: string;
    readonly settings?: Readonly<Record<string, unknown>>;
    readonly env?: Readonly<Record<string, string>>;
    readonly driver?: boolean;
    /** The workspace is not trusted. */
    readonly restricted?: boolean;
  },
): Promise<Server>;
