"""How OpenAPI describes the body of an upload, which FastAPI does not parse."""

from __future__ import annotations

from typing import Any

_FILES = {
    "type": "array",
    "items": {"type": "string", "format": "binary"},
    "minItems": 1,
    "description": "DICOM, PNG, JPEG or NIfTI files of one study, or zip archives of them",
}
# A form leaves a field empty that nobody filled in: it is as if it were absent.
_UNSAID = "where no header says it; empty: not stated"
_SCHEMA = {
    "type": "object",
    "required": ["files"],
    "additionalProperties": False,
    "properties": {
        "files": _FILES,
        "model": {"type": "string", "description": "of GET /models; the first one unless given"},
        "predict": {"type": "string", "enum": ["true", "false", ""], "default": "true"},
        "modality": {"type": "string", "pattern": "^([A-Za-z]{2,16})?$", "description": _UNSAID},
        "view": {"type": "string", "pattern": "^[A-Za-z0-9_]{0,16}$", "description": _UNSAID},
        "age_years": {"type": "string", "pattern": "^([0-9]{1,2}|1[0-2][0-9]|130)?$", "description": _UNSAID},
    },
}
_EXAMPLE = {"files": ["(bytes of film.dcm)"], "predict": "true", "view": "PA"}

UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _SCHEMA, "example": _EXAMPLE}},
    }
}
