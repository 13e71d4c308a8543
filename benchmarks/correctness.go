package main

import (
	"context"
	"io"
	"regexp"
)

func correctness(ctx context.Context, only *regexp.Regexp, progress io.Writer) (*table, error) {
	return &table{}, nil
}
