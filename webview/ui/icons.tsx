/** The few icons of the views, drawn here so that no font has to be shipped. 16 x 16, currentColor. */
import type { JSX } from "preact";

const PATHS = {
  chevron: "M6 4l4 4-4 4",
  close: "M4 4l8 8M12 4l-8 8",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  folder: "M2 4h4l1.5 1.5H14V13H2z",
  send: "M3 13V9l6-1-6-1V3l11 5z",
  stop: "M4.5 4.5h7v7h-7z",
  clock: "M8 2a6 6 0 100 12A6 6 0 008 2zM8 5v3.5l2.5 1.5",
  pin: "M6 2h4l-.5 4L12 8.5H4L6.5 6zM8 8.5V14",
  warning: "M8 2.5L14.5 13.5h-13zM8 6.5v3.5M8 11.5v.8",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon(props: { readonly name: IconName; readonly className?: string }): JSX.Element {
  return (
    <svg
      class={`icon ${props.className ?? ""}`}
      viewBox="0 0 16 16"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[props.name]} {...(props.name === "stop" ? { fill: "currentColor" } : {})} />
    </svg>
  );
}
