"""How OpenAPI describes the body of an upload, which FastAPI does not parse."""

from __future__ import annotations

from typing import Any

_FILES = {
    "type": "array",
    "items": {"type": "string", "format": "binary"},
    "minItems": 1,
    "description": "DICOM, PNG, JPEG or NIfTI files of one study, or zip archives of them",
}
_SCHEMA = {
    "type": "object",
    "required": ["files"],
    "additionalProperties": False,
    "properties": {
        "files": _FILES,
        "model": {"type": "string", "description": "of GET /models; the first one unless given"},
        "predict": {"type": "string", "enum": ["true", "false"], "default": "true"},
        "modality": {"type": "string", "pattern": "^[A-Za-z]{2,16}$", "description": "where no header says it"},
        "view": {"type": "string", "pattern": "^[A-Za-z0-9_]{1,16}$", "description": "where no header says it"},
        "age_years": {"type": "string", "pattern": "^[0-9]{1,2}$", "description": "where no header says it, 0 to 130"},
    },
}
_EXAMPLE = {"files": ["(bytes of film.dcm)"], "predict": "true", "view": "PA"}

UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _SCHEMA, "example": _EXAMPLE}},
    }
}
