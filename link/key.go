package link

import (
	"errors"
	"fmt"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// plain reports whether c is what NATS, Kafka, Redis and file names all take as it is.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func allPlain(s string) bool {
	for i := range len(s) {
		if !plain(s[i]) {
			return false
		}
	}
	return true
}

// escape makes a token of a key. The empty key is a single =.
func escape(key string) string {
	if key == "" {
		return "="
	}
	if allPlain(key) {
		return key
	}
	var b strings.Builder
	for i := range len(key) {
		if c := key[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('=')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// unescape is the inverse of escape. It takes nothing that escape does not make: two subjects for one key
// would be two topics for the engine.
func unescape(token string) (string, error) {
	if token == "=" {
		return "", nil
	}
	if token == "" {
		return "", errors.New("an empty token in the subject")
	}
	if allPlain(token) {
		return token, nil
	}
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		c := token[i]
		if plain(c) {
			b.WriteByte(c)
			continue
		}
		if c != '=' || i+2 >= len(token) {
			return "", fmt.Errorf("token %q of the subject is not escaped as a key is", token)
		}
		high, low := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
		if high < 0 || low < 0 || plain(byte(high<<4|low)) {
			return "", fmt.Errorf("token %q of the subject is not escaped as a key is", token)
		}
		b.WriteByte(byte(high<<4 | low))
		i += 2
	}
	return b.String(), nil
}

// checkName reports what is wrong with a name for events.
func checkName(name string) error {
	for token := range strings.SplitSeq(name, ".") {
		if token == "" || !allPlain(token) {
			return fmt.Errorf("weakbus link: %q is no name for events; it takes words of letters, digits, - and _, with a dot between two", name)
		}
	}
	return nil
}

// under reports whether subject is that of an ancestor or the same.
func under(subject, ancestor string) bool {
	return strings.HasPrefix(subject, ancestor) && (len(subject) == len(ancestor) || subject[len(ancestor)] == '.')
}
