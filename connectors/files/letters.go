package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
)

// letter is a record that could not be read, as a line of JSON.
type letter struct {
	File string `json:"file"`
	// Byte is where it begins, in the decompressed text.
	Byte   int64  `json:"byte"`
	Error  string `json:"error"`
	Record string `json:"record"`
}

// letters are the dead letters of one split, in a file of its own. Whoever goes back to a position within the split first removes what stands behind it there, so that each record is there once,
// also when the job was restored or is run again.
type letters struct {
	file  *os.File
	buf   []byte
	dirty bool
}

// lettersOf reads the option.
func lettersOf(t *tables.Table, f *format.Format, options map[string]string) (string, error) {
	dir, ok := t.Options["source.dead-letter.path"]
	switch {
	case !ok:
		return "", nil
	case f.Blocks != nil:
		return "", fault.New(fault.OptionInvalid, "option 'source.dead-letter.path': the format %q has no records that could be read one by one", f.Name)
	case strings.EqualFold(options["ignore-parse-errors"], "true"):
		return "", fault.New(fault.OptionInvalid, "the options 'source.dead-letter.path' and '%s.ignore-parse-errors' exclude each other", f.Name)
	}
	dir, err := pathFrom("source.dead-letter.path", dir)
	if err != nil {
		return "", err
	}
	path, err := pathOf(t)
	if err == nil && strings.HasPrefix(dir+string(filepath.Separator), path+string(filepath.Separator)) {
		err = fault.New(fault.OptionInvalid, "option 'source.dead-letter.path': %s is within the directory of the table, which would read it", dir)
	}
	return dir, err
}

// forgetLetters removes the file of a split that is read from its start.
func forgetLetters(dir string, s *split) error {
	path := filepath.Join(dir, lettersName(s))
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writeError(path, err)
	}
	return nil
}

// lettersName is the name of the file of a split.
func lettersName(s *split) string {
	h := fnv.New64a()
	h.Write([]byte(s.path))
	return fmt.Sprintf("%s-%016x-%d.jsonl", filepath.Base(s.path), h.Sum64(), s.start)
}

// openLetters opens the file of a split for a record that begins at pos, and removes what it has from there on.
func openLetters(dir string, s *split, pos int64) (*letters, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, writeError(dir, err)
	}
	path := filepath.Join(dir, lettersName(s))
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, writeError(path, err)
	}
	keep := 0
	for line := range bytes.Lines(text) {
		var l letter
		if json.Unmarshal(line, &l) != nil || l.File != s.path || l.Byte >= pos || line[len(line)-1] != '\n' {
			break
		}
		keep += len(line)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, writeError(path, err)
	}
	err = file.Truncate(int64(keep))
	if err == nil {
		_, err = file.Seek(int64(keep), 0)
	}
	if err != nil {
		return nil, errors.Join(writeError(path, err), file.Close())
	}
	return &letters{file: file}, nil
}

func (l *letters) add(x letter) error {
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	l.buf = append(append(l.buf, b...), '\n')
	l.dirty = true
	if len(l.buf) >= writeBytes {
		return l.write()
	}
	return nil
}

func (l *letters) write() error {
	_, err := l.file.Write(l.buf)
	l.buf = l.buf[:0]
	if err != nil {
		return writeError(l.file.Name(), err)
	}
	return nil
}

// flush makes durable what was added.
func (l *letters) flush() error {
	if !l.dirty {
		return nil
	}
	l.dirty = false
	if err := l.write(); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return writeError(l.file.Name(), err)
	}
	return nil
}

func (l *letters) close() error {
	return errors.Join(l.flush(), l.file.Close())
}

// trimEnd removes the end of a line.
func trimEnd(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte{'\n'}), []byte{'\r'})
}

// message is what an error says, without its code.
func message(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Message()
	}
	return err.Error()
}
