package link

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "eu", "eu.west/1 *>", "ä=41", "=", "==", "\x00\xff", "a=4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		token := escape(key)
		require.NotEmpty(t, token)
		for i := range len(token) {
			require.True(t, plain(token[i]) || token[i] == '=', "%q", token)
		}
		back, err := unescape(token)
		require.NoError(t, err)
		require.Equal(t, key, back)
		if back, err := unescape(key); err == nil { // one token for one key
			require.Equal(t, key, escape(back))
		}
		require.Equal(t, strings.HasPrefix(key, "a."), under(key, "a") && key != "a")
	})
}
