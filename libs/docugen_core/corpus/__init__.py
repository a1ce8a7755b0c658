"""Labelled corpora: varied documents for testing what reads documents, each from (seed, index) alone.

    recipes     which document number n of a seed is: template, generator, locale, colours, size
    documents   making it: PDF, page images and labels
    labels      the JSON beside each document, and the index of a corpus

Nothing in here touches files; `docugen generate corpus` does.
"""
