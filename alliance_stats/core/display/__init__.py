"""Tables and sentences as a reader meets them: APA style, in text, HTML, Word and LaTeX."""
