package main

import (
	"os"
	"regexp"
	"strings"
	"text/template"
	"unicode/utf8"
)

// picture is a terminal window as an SVG file. Its text is the program's own output.
const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" width="{{.Width}}" height="{{.Height}}" font-family="ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14">
<rect width="100%" height="100%" rx="10" fill="#16181d"/>
<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/><circle cx="62" cy="20" r="6" fill="#28c840"/>
{{range .Lines}}<text x="20" y="{{.Y}}" fill="{{.Colour}}" xml:space="preserve">{{html .Text}}</text>
{{end}}</svg>
`

type pictureLine struct {
	Y            int
	Text, Colour string
}

// draw writes a picture of command and its output.
func draw(file, command, output string) error {
	const left, top, lineHeight, charWidth = 20, 60, 20, 8.43
	text := append([]string{"$ " + command}, shorten(strings.Split(strings.TrimRight(output, "\n"), "\n"))...)
	lines, longest := make([]pictureLine, len(text)), 0
	for i, line := range text {
		lines[i] = pictureLine{top + i*lineHeight, line, colour(line)}
		longest = max(longest, utf8.RuneCountInString(line))
	}
	var b strings.Builder
	err := template.Must(template.New("picture").Parse(picture)).Execute(&b, map[string]any{
		"Lines": lines, "Width": 2*left + int(charWidth*float64(longest)), "Height": top + len(lines)*lineHeight,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// quotation matches what plugin longest quotes of the text. The picture is about plugins, so of these lines
// it has only dots.
var quotation = regexp.MustCompile(`^  \S+ +\d+\. \d+ in line \d+: `)

// shorten puts dots in the place of each row of quotations.
func shorten(lines []string) (short []string) {
	quoting := false
	for _, line := range lines {
		quotes := quotation.MatchString(line)
		switch {
		case !quotes:
			short = append(short, line)
		case !quoting:
			short = append(short, line[:reportColumn]+"...")
		}
		quoting = quotes
	}
	return short
}

// colour sets what went wrong, what the host did, and what plugins say apart.
func colour(line string) string {
	switch {
	case !strings.HasPrefix(line, "  "):
		return "#ffffff"
	case strings.Contains(line, " closed: "):
		return "#ff7b72"
	case strings.HasSuffix(line, "loaded"):
		return "#7ee787"
	case strings.HasPrefix(line, "  bus "), strings.HasPrefix(line, "  memory "):
		return "#79c0ff"
	}
	return "#c9d1d9"
}
