package table

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/backends/lsm"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/opt"
	"github.com/weirstream/weir/internal/sql/physical"
)

// The options of a session that the engine reads; others are kept, for functions and connectors.
const (
	optionZone      = "table.local-time-zone"
	optionTTL       = "table.exec.state.ttl"
	optionMiniBatch = "table.exec.mini-batch.enabled"
	optionPhases    = "table.optimizer.agg-phase-strategy"
	optionSplit     = "table.optimizer.distinct-agg.split.enabled"
	optionBuckets   = "table.optimizer.distinct-agg.split.bucket-num"
	optionMode      = "execution.runtime-mode"
	optionParallel  = "parallelism.default"
	optionMax       = "pipeline.max-parallelism"
	optionInterval  = "execution.checkpointing.interval"
	optionDir       = "execution.checkpointing.dir"
	optionOldDir    = "state.checkpoints.dir"
	optionBackend   = "state.backend.type"
	optionOldStore  = "state.backend"
	optionMemory    = "taskmanager.memory.managed.size"
	optionCompress  = "execution.checkpointing.snapshot-compression"
	optionDelta     = "execution.checkpointing.incremental"
	optionRestore   = "execution.state-recovery.path"
	optionOldPath   = "execution.savepoint.path"
	optionSaves     = "execution.checkpointing.savepoint-dir"
	optionOldSaves  = "state.savepoints.dir"
	optionSync      = "table.dml-sync"
	// optionResult is read by the shell.
	optionResult  = "sql-client.execution.result-mode"
	optionChain   = "pipeline.operator-chaining.enabled"
	optionNotNull = "table.exec.sink.not-null-enforcer"
	optionLength  = "table.exec.sink.type-length-enforcer"
	optionNested  = "table.exec.sink.nested-constraint-enforcer"
	// optionConflict refuses INSERTs whose rows have another key than their table, if they do not say ON CONFLICT.
	optionConflict = "table.exec.sink.require-on-conflict"
	// optionDuplicates is whether tables of changes with a primary key may tell a change several times.
	optionDuplicates = "table.exec.source.cdc-events-duplicate"
)

// optionDeltaJoin is whether joins look rows up in indexed tables instead of keeping them. Weir's joins keep them, with the same result.
const optionDeltaJoin = "table.optimizer.delta-join.strategy"

// optionMultiJoin is whether joins over one another by the same key become one: true unless it is set, other than in Flink.
const optionMultiJoin = "table.optimizer.multi-join.enabled"

// optionExpire lets joins forget rows that only a row behind the watermark could still find.
const optionExpire = "table.exec.join.expire-by-watermark"

// Options of compiled plans: how much of tables they keep, what of them is looked up when they are read, and whether plans that are there are made anew.
const (
	optionPlanObjects    = "table.plan.compile.catalog-objects"
	optionRestoreObjects = "table.plan.restore.catalog-objects"
	optionRecompile      = "table.plan.force-recompile"
)

// optionRulesOff are rules of the planner that are not applied, with commas between them: for who looks for a fault.
const optionRulesOff = "table.optimizer.disabled-rules"

// rulesOff reads the value of optionRulesOff.
func rulesOff(v string) (map[string]bool, error) {
	known := slices.Clone(physical.Rules)
	for _, r := range opt.Rules {
		known = append(known, r.Name)
	}
	slices.Sort(known)
	off := map[string]bool{}
	for name := range strings.SplitSeq(v, ",") {
		switch name = strings.TrimSpace(name); {
		case name == "":
		case slices.Contains(known, name):
			off[name] = true
		default:
			return nil, fault.New(fault.OptionInvalid, "there is no rule %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return off, nil
}

// off are the rules that the session has switched off.
func (e *Environment) off() (map[string]bool, error) {
	off, err := rulesOff(e.config[optionRulesOff])
	if err == nil && strings.EqualFold(e.config[optionMultiJoin], "false") {
		off["merge-joins"] = true
	}
	return off, err
}

// checks has, for each option that the engine reads, what its value must be.
var checks = map[string]func(string) error{
	optionZone:      func(v string) error { _, err := zoneOf(v); return err },
	optionTTL:       isDuration,
	optionInterval:  isDuration,
	optionMiniBatch: isBool,
	optionCompress:  isBool,
	optionDelta:     isBool,
	optionSync:      isBool,
	optionChain:     isBool,
	optionConflict:  isBool,
	optionNotNull:   oneOf("error", "drop"),
	optionLength:    oneOf("ignore", "trim_pad", "error"),
	optionNested:    oneOf("ignore", "rows", "rows_and_collections"),
	optionParallel:  isCount,
	optionMax:       isCount,
	optionMode:      oneOf("streaming", "batch", "automatic"),
	optionRulesOff:  func(v string) error { _, err := rulesOff(v); return err },
	optionDeltaJoin: oneOf("auto", "force", "none"),
	optionMultiJoin: isBool,
	optionExpire:    isBool,
	optionSplit:     isBool,
	optionRecompile: isBool,

	optionDuplicates:     isBool,
	optionPlanObjects:    oneOf("all", "schema", "identifier"),
	optionRestoreObjects: oneOf("all", "all_enforced", "identifier"),

	optionBuckets:  isCount,
	optionPhases:   oneOf("auto", "one_phase", "two_phase"),
	optionBackend:  oneOf("memory", "hashmap", "lsm", "rocksdb"),
	optionOldStore: oneOf("memory", "hashmap", "lsm", "rocksdb"),
	optionResult:   oneOf("table", "changelog", "tableau"),
	optionSaves:    func(string) error { return nil },
	optionDir:      func(string) error { return nil },
	optionRestore:  func(string) error { return nil },
	optionMemory:   func(v string) error { _, err := tables.ParseMemory(v); return err },
}

func isDuration(v string) error { _, err := tables.ParseDuration(v); return err }

func isBool(v string) error {
	if strings.EqualFold(v, "true") || strings.EqualFold(v, "false") {
		return nil
	}
	return fault.New(fault.OptionInvalid, "it must be true or false")
}

func isCount(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 1 {
		return fault.New(fault.OptionInvalid, "it must be a whole number of at least 1")
	}
	return nil
}

func oneOf(values ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(values, strings.ToLower(v)) {
			return nil
		}
		return fault.New(fault.OptionInvalid, "it must be one of %s", strings.Join(values, ", "))
	}
}

// Option returns the value of an option that was set, "" if it was not.
func (e *Environment) Option(key string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.config[key]
}

// zoneOf reads a time zone: a name as Europe/Berlin, or an offset as GMT+01:00.
func zoneOf(name string) (*time.Location, error) {
	if name == "default" || name == "UTC" {
		return time.UTC, nil
	}
	offset := strings.TrimPrefix(strings.TrimPrefix(name, "GMT"), "UTC")
	for _, layout := range []string{"-07:00", "-7:00", "-07", "-0700", "-7"} {
		if t, err := time.Parse(layout, offset); err == nil {
			return t.Location(), nil
		}
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, fault.New(fault.OptionInvalid, "%q is no time zone: write it as Europe/Berlin or GMT+01:00", name)
	}
	return z, nil
}

// set1 sets an option.
func (e *Environment) set1(key, value string) error {
	if check := checks[key]; check != nil {
		if err := check(value); err != nil {
			return fault.New(fault.OptionInvalid, "SET '%s' = '%s': %w", key, value, plain(err))
		}
	} else if c := catalog.Closest(key, slices.Sorted(maps.Keys(checks))); c != "" && len(c) > 8 {
		return fault.New(fault.OptionInvalid, "SET '%s': there is no such option; did you mean '%s'?", key, c)
	}
	e.config[key] = value
	return nil
}

func (e *Environment) duration(key string) (time.Duration, error) {
	v, ok := e.config[key]
	if !ok {
		return 0, nil
	}
	return tables.ParseDuration(v)
}

func (e *Environment) batch() bool {
	if mode, ok := e.config[optionMode]; ok {
		return strings.EqualFold(mode, "batch")
	}
	return e.options.RuntimeMode == weir.Batch
}

// option returns the first of some options that is set.
func (e *Environment) option(keys ...string) (string, bool) {
	for _, k := range keys {
		if v, ok := e.config[k]; ok {
			return v, true
		}
	}
	return "", false
}

// jobOptions are the options of a job: those of the environment with what SET says.
func (e *Environment) jobOptions() (weir.Options, error) {
	o := e.options
	o.RuntimeMode = weir.Streaming // operators of SQL see to final results themselves
	if v, ok := e.option(optionParallel); ok {
		o.Parallelism, _ = strconv.Atoi(v)
	}
	if v, ok := e.option(optionMax); ok {
		o.MaxParallelism, _ = strconv.Atoi(v)
	}
	if v, ok := e.option(optionDir, optionOldDir); ok {
		o.Checkpoints.Dir = v
	}
	if v, ok := e.option(optionInterval); ok {
		d, err := tables.ParseDuration(v)
		if err != nil {
			return o, err
		}
		o.Checkpoints.Interval = d
	}
	if v, ok := e.option(optionRestore, optionOldPath); ok {
		o.Checkpoints.Restore = v
	}
	if v, ok := e.option(optionDelta); ok {
		o.Checkpoints.Incremental = strings.EqualFold(v, "true")
	}
	if v, ok := e.option(optionCompress); ok {
		o.Checkpoints.Compress = strings.EqualFold(v, "true")
	}
	if v, ok := e.option(optionChain); ok {
		o.DisableChaining = strings.EqualFold(v, "false")
	}
	if v, ok := e.option(optionBackend, optionOldStore); ok {
		switch strings.ToLower(v) {
		case "lsm", "rocksdb":
			o.StateBackend = lsm.Backend()
		default:
			o.StateBackend = weir.StateBackend{}
		}
	}
	if v, ok := e.option(optionMemory); ok {
		n, err := tables.ParseMemory(v)
		if err != nil {
			return o, err
		}
		o.Memory = n
	}
	if o.Checkpoints.Dir == "" && e.savepoints {
		o.Checkpoints.Dir = weir.InMemory
		if o.Restart == (weir.RestartStrategy{}) {
			o.Restart = weir.NoRestart()
		}
	}
	return o, nil
}
