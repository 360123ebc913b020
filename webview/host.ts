/** The one use of `acquireVsCodeApi`, which may be called once only. */

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

export interface Host {
  readonly post: (message: unknown) => void;
  readonly onMessage: (listener: (message: unknown) => void) => void;
  /** Small UI state that survives the view being hidden and the window being reloaded. */
  readonly load: () => unknown;
  readonly save: (state: unknown) => void;
}

export function editorHost(): Host {
  const api = acquireVsCodeApi();
  return {
    post: (message) => api.postMessage(message),
    onMessage: (listener) =>
      window.addEventListener("message", (e: MessageEvent<unknown>) => listener(e.data)),
    load: () => api.getState(),
    save: (state) => api.setState(state),
  };
}
