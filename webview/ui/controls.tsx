/**
 * Every control of the views. The toolkit is archived upstream, so it is known here and nowhere
 * else: another set of controls is one edit. Where a toolkit control fails the accessibility check
 * a native element stands in (docs/decisions/controls.md).
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeProgressRing,
} from "@vscode/webview-ui-toolkit";
import type { ComponentChildren, HTMLAttributes, JSX } from "preact";

export function registerControls(): void {
  provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeCheckbox(), vsCodeProgressRing());
}

declare module "preact" {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Preact wants elements declared
  namespace JSX {
    interface IntrinsicElements {
      "vscode-button": ToolkitAttributes & { appearance?: string; disabled?: boolean };
      "vscode-checkbox": ToolkitAttributes & { checked?: boolean };
      "vscode-progress-ring": ToolkitAttributes;
    }
  }
}

type ToolkitAttributes = Omit<HTMLAttributes, "onChange"> & {
  onChange?: (event: Event) => void;
};

export interface ButtonProps {
  readonly children: ComponentChildren;
  readonly onPress: () => void;
  readonly kind?: "primary" | "secondary" | "icon";
  readonly label?: string;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
}

export function Button(props: ButtonProps): JSX.Element {
  const { children, onPress, kind = "secondary", label, disabled = false, pressed } = props;
  return (
    <vscode-button
      appearance={kind}
      onClick={onPress}
      // Always set: an element that Preact reuses for another button keeps what is left out.
      disabled={disabled}
      {...(label === undefined ? {} : { "aria-label": label, title: label })}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
    >
      {children}
    </vscode-button>
  );
}

/** A button that reads as a link: file names, suggested questions. Native: its text must wrap. */
export function TextLink(props: {
  readonly children: ComponentChildren;
  readonly onPress: () => void;
  readonly title?: string;
  readonly label?: string;
  readonly className?: string;
}): JSX.Element {
  const { title, label } = props;
  return (
    <button
      type="button"
      class={`link ${props.className ?? ""}`}
      onClick={props.onPress}
      {...(title === undefined ? {} : { title })}
      {...(label === undefined ? {} : { "aria-label": label })}
    >
      {props.children}
    </button>
  );
}

/** A link inside a sentence. No button: that is a box, after which the sentence begins anew. */
export function InlineLink(props: {
  readonly children: ComponentChildren;
  readonly onPress: () => void;
  readonly title: string;
  readonly className: string;
}): JSX.Element {
  return (
    <span
      role="link"
      tabIndex={0}
      class={`link ${props.className}`}
      title={props.title}
      onClick={props.onPress}
      onKeyDown={(event) => {
        if (event.key === "Enter") props.onPress();
      }}
    >
      {props.children}
    </span>
  );
}

export function Checkbox(props: {
  readonly checked: boolean;
  readonly label: string;
  readonly hideLabel?: boolean;
  readonly onToggle: (checked: boolean) => void;
}): JSX.Element {
  return (
    <vscode-checkbox
      checked={props.checked}
      aria-label={props.label}
      onChange={(event: Event) => {
        const { checked } = event.target as HTMLInputElement;
        // The toolkit also says "change" when the page sets the property.
        if (checked !== props.checked) props.onToggle(checked);
      }}
    >
      {props.hideLabel === true ? null : props.label}
    </vscode-checkbox>
  );
}

export function ProgressRing(): JSX.Element {
  return <vscode-progress-ring aria-hidden="true" />;
}

export interface SelectOption<V extends string> {
  readonly value: V;
  readonly label: string;
}

/** Native: the toolkit's dropdown has no accessible name for its listbox. */
export function Select<V extends string>(props: {
  readonly label: string;
  readonly hideLabel?: boolean;
  readonly value: V;
  readonly options: readonly SelectOption<V>[];
  readonly onChange: (value: V) => void;
}): JSX.Element {
  return (
    <label class="select">
      <span class={props.hideLabel === true ? "visually-hidden" : "select-label"}>
        {props.label}
      </span>
      <select
        value={props.value}
        onChange={(event) => {
          const chosen = props.options.find((o) => o.value === event.currentTarget.value);
          if (chosen !== undefined) props.onChange(chosen.value);
        }}
      >
        {props.options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Native: the toolkit's text area cannot grow with its text. Enter sends, Shift+Enter breaks. */
export function QuestionBox(props: {
  readonly value: string;
  readonly label: string;
  readonly placeholder: string;
  readonly onInput: (text: string) => void;
  readonly onSubmit: () => void;
  readonly boxRef: (element: HTMLTextAreaElement | null) => void;
}): JSX.Element {
  return (
    <textarea
      ref={props.boxRef}
      class="question-box"
      rows={1}
      aria-label={props.label}
      placeholder={props.placeholder}
      value={props.value}
      onInput={(event) => props.onInput(event.currentTarget.value)}
      onKeyDown={(event) => {
        // While an input method composes, Enter accepts its suggestion.
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        props.onSubmit();
      }}
    />
  );
}
