"""The build hook: it adds the package `redress_staff` to the wheel."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DOCUMENT = "openapi-staff.json"


class GeneratedClient(BuildHookInterface[Any]):
    """Generates the client from the document of this checkout, or from the one in the sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root))
        from generate import generate

        kept = root / DOCUMENT
        checkout = root.parent / "layers" / "core" / "redress" / "data" / DOCUMENT
        self._place = tempfile.mkdtemp()
        folder = Path(self._place, "redress_staff")
        generate(kept if kept.is_file() else checkout, folder)
        name = "force_include_editable" if version == "editable" else "force_include"
        build_data[name][str(folder)] = "redress_staff"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(getattr(self, "_place", ""), ignore_errors=True)
