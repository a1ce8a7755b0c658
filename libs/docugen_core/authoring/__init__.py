"""The life of a template pack before it is installed: begin one (`scaffold`), check it (`lint`), hold its output (`golden`).

For authors, at their desk: nothing in here runs in a service. What is read of a template is read statically (`typst_reads`,
`text_reads`, `table_reads`: which data it looks at) and, because no reading sees everything, by rendering its sample with
parts taken away (`trials`).
"""
