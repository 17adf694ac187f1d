package fault

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write docs/errors.md again")

const page = "../docs/errors.md"

// rooms says what the codes of a room, the part of a code before the dot, are about.
var rooms = map[string]string{
	"graph":      "The program builds a graph that cannot run. Reported before anything runs, all at once.",
	"type":       "A type of a record, a key or a state.",
	"state":      "What operators keep, and what was stored of it.",
	"option":     "A setting.",
	"window":     "Windows, their triggers and evictors. What can be known before the job runs is reported by then.",
	"time":       "event time: timestamps and watermarks",
	"function":   "User code, while the job runs. The message names the operator and the subtask.",
	"source":     "Reading input. What can be known before the job runs is reported by then.",
	"sink":       "Writing results.",
	"job":        "The life of a job.",
	"checkpoint": "Taking checkpoints and savepoints, and restoring from them.",
	"storage":    "Where checkpoints and savepoints are kept: a directory, or a prefix in a bucket. The message names the object.",
	"sql":        "SQL texts. The message names the place, and shows it.",
	"internal":   "Weir itself.",
}

// errorsPage is the text of docs/errors.md.
func errorsPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# Errors

Every error that Weir reports has a stable code, which stands in front of its message. Codes are never renamed or used again for something else, so programs may rely on them:

` + "```go" + `
if errors.Is(err, fault.New(fault.SourceFileMissing, "")) { ... }
switch fault.CodeOf(err) { ... }
` + "```" + `

"Fault" says who can do something about it: ` + "`user`" + ` means the program, its options or its input, ` + "`external`" + ` a system outside the process such as a disk or a server, ` + "`weir`" + ` a defect
of Weir, to be reported. "Retry" says whether the same again can succeed. The same is told by ` + "`fault.BlameOf` and `fault.Retryable`" + `, for errors wrapped in others, too.

This page is made from the list in ` + "`fault/codes.go`" + ` by ` + "`go test ./fault -rewrite`" + `.
`)
	room := ""
	for _, i := range All() {
		name, _, _ := strings.Cut(string(i.Code), ".")
		if name != room {
			room = name
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| code | fault | retry | meaning | what to do |\n|---|---|---|---|---|\n", room, rooms[room])
		}
		retry := "no"
		if i.Retry {
			retry = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", i.Code, i.Blame, retry, cell(i.Title), cell(sentence(i.Help)))
	}
	return b.Bytes()
}

// sentence makes a sentence of a phrase.
func sentence(s string) string {
	if s == "" {
		return "See the message."
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func TestErrorsPage(t *testing.T) {
	want := errorsPage()
	if *rewrite {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/errors.md is not what codes.go says: run go test ./fault -rewrite, and read the difference")
	}
}

// TestCodes holds the list to what the page promises.
func TestCodes(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+\.[a-z]+(-[a-z]+)*$`)
	seen, last, done := map[Code]bool{}, "", map[string]bool{}
	for _, i := range All() {
		if !form.MatchString(string(i.Code)) || seen[i.Code] {
			t.Errorf("%s is not room.name in lower case, or comes twice", i.Code)
		}
		seen[i.Code] = true
		room, _, _ := strings.Cut(string(i.Code), ".")
		if rooms[room] == "" {
			t.Errorf("%s: say in docs_test.go what the room %s is about", i.Code, room)
		}
		if room != last && done[room] {
			t.Errorf("%s: the codes of room %s do not stand together", i.Code, room)
		}
		last, done[room] = room, true
		if !strings.HasSuffix(i.Title, ".") || strings.HasSuffix(i.Help, ".") {
			t.Errorf("%s: the title is a sentence, the help a phrase without its full stop", i.Code)
		}
	}
}
