"""All exercises of the book, by key: how an answer is checked, and the hints.

Right answers are computed by the library, so that they cannot drift from what the chapters teach.
"""

from __future__ import annotations

from . import chapter_07, chapters_01_to_03

EXERCISES = {
    exercise.key: exercise for exercise in (*chapters_01_to_03.EXERCISES, *chapter_07.EXERCISES)
}
