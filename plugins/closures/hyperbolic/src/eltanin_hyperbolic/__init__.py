"""A learned closure of many moments whose characteristic speeds are real, whatever has been learned."""
