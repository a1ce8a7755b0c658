"""JSON with one meaning, checked against a schema, with findings a person can act on.

`reading` is the door for text, `places` names a spot in a value, `schema` finds what does not fit, `sentences` says it in
words, `findings` carries it. Nothing in here knows what a bundle is.
"""
