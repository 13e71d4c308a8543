package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHandler_ServesThePageAndTakesOneReport(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "index.html"), page, 0o600))
	results := make(chan result, 1)
	h := handler(dir, results)
	call := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	w := call(http.MethodGet, "/", "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), "game.wasm")

	call(http.MethodPost, "/screenshot", "a picture")
	call(http.MethodPost, "/failed", "too late")
	assert.Equal(t, result{png: []byte("a picture")}, <-results)
	call(http.MethodPost, "/failed", "no WebGL")
	assert.EqualError(t, (<-results).err, "no WebGL")
}

func TestShoot_SaysThatThereIsNoBrowser(t *testing.T) {
	o := options{browser: filepath.Join(t.TempDir(), "none"), timeout: 1 << 40}
	require.ErrorContains(t, shoot(t.Context(), t.TempDir(), o, t.Output()), "name another with -browser")
}
