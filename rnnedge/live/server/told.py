"""What a client is told of an error: where files of this machine lie is not for strangers."""

from __future__ import annotations

import re

_MOST = 1000
# The folders of an absolute path, of Windows too. Not those of an address, which have a colon before them.
_FOLDERS = re.compile(r"(?<![\w.:/\\-])(?:[A-Za-z]:)?[/\\]+(?:[^\s/\\'\":;,()<>|]+[/\\]+)+")


def told(error: object, model: str) -> str:
    """The text of an error, at most 1,000 letters; `model` is the path of the file that is served."""
    name = re.split(r"[/\\]", model)[-1]
    # First as a whole, since its folders may have blanks in their names.
    return _FOLDERS.sub("", str(error).replace(model, name))[:_MOST]
