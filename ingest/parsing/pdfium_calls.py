"""Calls of PDFium that are made for every object or character of a page.

The library's own prototypes wrap every pointer in an object, which takes most of a call's time;
here handles and addresses are plain numbers.
"""

from __future__ import annotations

import ctypes
from ctypes import c_int, c_size_t, c_uint
from typing import Any

import pypdfium2.raw as pdfium_c


def address(handle: Any) -> int:
    """Return a handle of pypdfium2 as a number."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _fast(function: Any, result: Any, *arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(result, *arguments)(address(function))


_HANDLE = c_size_t
_OUT = c_size_t

count_objects = _fast(pdfium_c.FPDFPage_CountObjects, c_int, _HANDLE)
get_object = _fast(pdfium_c.FPDFPage_GetObject, _HANDLE, _HANDLE, c_int)
object_type = _fast(pdfium_c.FPDFPageObj_GetType, c_int, _HANDLE)
fill_color = _fast(pdfium_c.FPDFPageObj_GetFillColor, c_int, _HANDLE, _OUT, _OUT, _OUT, _OUT)
bounds = _fast(pdfium_c.FPDFPageObj_GetBounds, c_int, _HANDLE, _OUT, _OUT, _OUT, _OUT)
draw_mode = _fast(pdfium_c.FPDFPath_GetDrawMode, c_int, _HANDLE, _OUT, _OUT)
render_mode = _fast(pdfium_c.FPDFTextObj_GetTextRenderMode, c_int, _HANDLE)
set_render_mode = _fast(pdfium_c.FPDFTextObj_SetTextRenderMode, c_int, _HANDLE, c_int)
font_size = _fast(pdfium_c.FPDFTextObj_GetFontSize, c_int, _HANDLE, _OUT)
matrix = _fast(pdfium_c.FPDFPageObj_GetMatrix, c_int, _HANDLE, _OUT)
stroke_width = _fast(pdfium_c.FPDFPageObj_GetStrokeWidth, c_int, _HANDLE, _OUT)
count_marks = _fast(pdfium_c.FPDFPageObj_CountMarks, c_int, _HANDLE)
get_mark = _fast(pdfium_c.FPDFPageObj_GetMark, _HANDLE, _HANDLE, c_size_t)
mark_name = _fast(pdfium_c.FPDFPageObjMark_GetName, c_int, _HANDLE, _OUT, c_size_t, _OUT)
clip_path = _fast(pdfium_c.FPDFPageObj_GetClipPath, _HANDLE, _HANDLE)
count_clips = _fast(pdfium_c.FPDFClipPath_CountPaths, c_int, _HANDLE)
count_segments = _fast(pdfium_c.FPDFClipPath_CountPathSegments, c_int, _HANDLE, c_int)
get_segment = _fast(pdfium_c.FPDFClipPath_GetPathSegment, _HANDLE, _HANDLE, c_int, c_int)
segment_point = _fast(pdfium_c.FPDFPathSegment_GetPoint, c_int, _HANDLE, _OUT, _OUT)
char_code = _fast(pdfium_c.FPDFText_GetUnicode, c_uint, _HANDLE, c_int)
char_object = _fast(pdfium_c.FPDFText_GetTextObject, _HANDLE, _HANDLE, c_int)
loose_box = _fast(pdfium_c.FPDFText_GetLooseCharBox, c_int, _HANDLE, c_int, _OUT)
char_box = _fast(pdfium_c.FPDFText_GetCharBox, c_int, _HANDLE, c_int, _OUT, _OUT, _OUT, _OUT)
