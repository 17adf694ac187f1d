// Command genwire compiles a .proto file to Go without protoc: the compiler is a library (protocompile), and the code generator is the one of
// protoc-gen-go, so that the output is what protoc would have written.
//
//	go run . -dir ../../internal/wire -proto wire.proto
//
// It stands in its own module, so that the compiler is no dependency of Weir.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	dir := flag.String("dir", ".", "folder of the .proto file; the Go file is written beside it")
	file := flag.String("proto", "wire.proto", "name of the .proto file")
	flag.Parse()
	if err := generate(*dir, *file); err != nil {
		fmt.Fprintln(os.Stderr, "genwire:", err)
		os.Exit(1)
	}
}

// generate compiles file in dir and writes the Go code beside it.
func generate(dir, file string) error {
	compiler := protocompile.Compiler{
		Resolver: &protocompile.SourceResolver{ImportPaths: []string{dir}},
		// The comments of the .proto file become the doc comments of the Go types.
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	compiled, err := compiler.Compile(context.Background(), file)
	if err != nil {
		return fmt.Errorf("compiling %s: %w", filepath.Join(dir, file), err)
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{protoutil.ProtoFromFileDescriptor(compiled[0])},
	}
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		return err
	}
	for _, f := range plugin.Files {
		if f.Generate {
			internal_gengo.GenerateFile(plugin, f)
		}
	}
	response := plugin.Response()
	if response.Error != nil {
		return fmt.Errorf("generating from %s: %s", file, response.GetError())
	}
	for _, out := range response.File {
		// internal_gengo names no tool for a compiler it did not see; the header names ours.
		content := strings.Replace(out.GetContent(), "// \tprotoc        (unknown)\n", "// \tgenwire       (protocompile)\n", 1)
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(out.GetName())), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
