"""Parse SPDX licence expressions into their canonical form; pure."""

import re

from sync.wording import did_you_mean

_REF, _KEPT_REF = "LicenseRef-", "LicenseRef-as-it-is-"
_LICENSE_REF = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")


class ExpressionError(ValueError):
    """A text is not an SPDX licence expression of listed licences and LicenseRefs.

    `hint` may say what was meant.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def parse_expression(text: str) -> str:
    """Return the SPDX licence expression (SPDX 2.3, annex D) in its canonical form.

    Raises ExpressionError if the text is not one.
    """
    # The import and the list of licences take 40 ms, so only a manifest with a licence pays for it.
    from license_expression import ExpressionError as GrammarError
    from license_expression import get_spdx_licensing

    licensing = get_spdx_licensing()
    try:
        # The library knows some of ScanCode's LicenseRefs as aliases of SPDX's licences: it would
        # turn LicenseRef-GPL-2.0 into GPL-2.0-only. A changed prefix hides them from it.
        parsed = licensing.parse(
            _LICENSE_REF.sub(lambda match: match[0].replace(_REF, _KEPT_REF), text), strict=True
        )
    except (GrammarError, ValueError) as error:
        raise ExpressionError(
            str(error).splitlines()[0].lower().replace(_KEPT_REF.lower(), _REF.lower())
        ) from error
    if parsed is None:
        raise ExpressionError("it is empty")
    for key in licensing.unknown_license_keys(parsed):
        if not _LICENSE_REF.fullmatch(key):
            hint = (
                did_you_mean(key, licensing.known_symbols)
                or "a licence that SPDX does not list is a LicenseRef-…"
            )
            raise ExpressionError(f"SPDX lists no licence {key.replace(_KEPT_REF, _REF)}", hint)
    return str(parsed).replace(_KEPT_REF, _REF)
