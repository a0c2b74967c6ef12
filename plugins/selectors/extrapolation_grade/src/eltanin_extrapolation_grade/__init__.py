"""Selection by how far a model extrapolates."""

from eltanin_extrapolation_grade.selector import ExtrapolationGrade, Grades

__all__ = ["ExtrapolationGrade", "Grades"]
