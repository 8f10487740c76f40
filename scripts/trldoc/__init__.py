"""The small library behind the site; each module says what it knows and does not know."""
