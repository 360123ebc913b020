/** The same numbers as the pictures, as a table: for screen readers and for reading exactly. */
import type { Dispatch } from "preact/hooks";
import type { JSX } from "preact";
import { count, decimal, percent, t } from "../l10n.js";
import { TextLink } from "../ui/controls.js";
import { PathText } from "../ui/PathText.js";
import { safeText } from "../ui/safeText.js";
import type { RankedFile } from "./rankedFiles.js";
import type { EvidenceAction, EvidenceState } from "./store.js";

const MOST_ROWS = 300;

export function TableTwin(props: {
  readonly ranked: readonly RankedFile[];
  readonly state: EvidenceState;
  readonly dispatch: Dispatch<EvidenceAction>;
  readonly onOpen: (file: RankedFile) => void;
}): JSX.Element {
  const { ranked, state, dispatch } = props;
  const hasScout = ranked.some(({ scoutFocus }) => scoutFocus !== undefined);
  const left = ranked.length - MOST_ROWS;
  return (
    <div class="table-twin" tabIndex={0} role="region" aria-label={t("Table of files read")}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t("File")}</th>
            <th scope="col">{t("Focus")}</th>
            {hasScout ? <th scope="col">{t("Scout")}</th> : null}
            <th scope="col">{t("Share")}</th>
            <th scope="col">{t("Lift")}</th>
            <th scope="col">{t("Mass")}</th>
            <th scope="col">{t("Selected")}</th>
            <th scope="col">{t("Tokens")}</th>
          </tr>
        </thead>
        <tbody>
          {ranked.slice(0, MOST_ROWS).map((file) => (
            <tr key={file.file} class={file.file === state.file ? "active" : ""}>
              <th scope="row">
                <TextLink
                  onPress={() => {
                    dispatch({ t: "file", file: file.file });
                    props.onOpen(file);
                  }}
                >
                  <PathText path={safeText(file.path)} />
                </TextLink>
                {file.inSight ? null : <span class="note"> {t("not in sight")}</span>}
              </th>
              <td>{percent(file.focus)}</td>
              {hasScout ? (
                <td>{file.scoutFocus === undefined ? "" : percent(file.scoutFocus)}</td>
              ) : null}
              <td>{percent(file.share)}</td>
              <td>{decimal(file.lift, 1)}</td>
              <td>{decimal(file.mass, 4)}</td>
              <td>{count(file.selections)}</td>
              <td>{count(file.steps)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 ? <p class="note">{t("and {0} more", left)}</p> : null}
    </div>
  );
}
