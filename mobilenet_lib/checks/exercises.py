"""All exercises of the book, by key: how an answer is checked, and the hints.

Right answers are computed by the library, so that they cannot drift from what the chapters teach.
"""

from __future__ import annotations

from . import chapter_07, chapters_01_to_03, chapters_04_and_08, chapters_05_and_06

PARTS = (chapters_01_to_03, chapters_04_and_08, chapters_05_and_06, chapter_07)
EXERCISES = {exercise.key: exercise for part in PARTS for exercise in part.EXERCISES}
