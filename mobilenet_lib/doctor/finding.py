"""What a check found, and the report that all findings make."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    topic: str
    status: Status
    detail: str
    advice: str = ""
    """What to do, empty if there is nothing to do."""


@dataclass(frozen=True)
class Report:
    """All findings, to print, to show in a notebook, or to pass on."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 if a check failed, so that the book cannot run as it is; else 0."""
        return int(any(finding.status == "fail" for finding in self.findings))

    def __str__(self) -> str:
        """One line for each finding, with the advice below the line it belongs to."""
        width = max(len(finding.topic) for finding in self.findings)
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.status:<4}  {finding.topic:<{width}}  {finding.detail}")
            if finding.advice:
                lines.append(" " * (width + 8) + finding.advice)
        return "\n".join([*lines, "", self.summary()])

    def summary(self) -> str:
        """One sentence on the whole."""
        count = {s: sum(f.status == s for f in self.findings) for s in ("ok", "warn", "fail")}
        total = len(self.findings)
        if count["fail"]:
            return f"{count['fail']} of {total} checks failed: do what their advice says."
        if count["warn"]:
            return f"The book runs here; {count['warn']} of {total} checks have advice."
        return f"All {total} checks passed: the book runs here."

    def _repr_html_(self) -> str:
        marks = {"ok": "✓ ok", "warn": "! note", "fail": "✗ problem"}  # a sign, not only a colour
        rows = []
        for finding in self.findings:
            cells = [html.escape(text) for text in (finding.detail, finding.advice)]
            advice = f"<br><em>{cells[1]}</em>" if cells[1] else ""
            rows.append(
                f'<tr><td style="white-space:nowrap">{marks[finding.status]}</td>'
                f'<th scope="row" style="text-align:left">{html.escape(finding.topic)}</th>'
                f'<td style="text-align:left">{cells[0]}{advice}</td></tr>'
            )
        caption = f"<caption>{html.escape(self.summary())}</caption>"
        return f"<table>{caption}<tbody>{''.join(rows)}</tbody></table>"
