package ast

func (f *formatter) with(options []*Option) {
	if len(options) > 0 {
		f.word("WITH")
		parens(f, options)
	}
}

// elements prints what is in the parentheses of a schema.
func (f *formatter) elements(s *Schema) {
	var all []Node
	for _, c := range s.Columns {
		all = append(all, c)
	}
	for _, c := range s.Names {
		all = append(all, c)
	}
	for _, c := range s.Constraints {
		all = append(all, c)
	}
	if s.Watermark != nil {
		all = append(all, s.Watermark)
	}
	nodes(f, all)
}

func (f *formatter) schema(s *Schema) {
	if s == nil {
		return
	}
	f.open(false)
	f.elements(s)
	f.close()
}

func (f *formatter) column(c *Column) {
	f.name(c.Name)
	if c.As != nil {
		f.word("AS")
		f.node(c.As)
	} else {
		f.dataType(c.Type)
	}
	f.when(c.Metadata, "METADATA")
	f.str("FROM", c.MetadataKey)
	f.when(c.Virtual, "VIRTUAL")
	if c.Constraint != nil {
		f.constraint(c.Constraint)
	}
	f.str("COMMENT", c.Comment)
	if c.Position != nil {
		if c.Position.After == nil {
			f.word("FIRST")
		} else {
			f.word("AFTER")
			f.name(c.Position.After)
		}
	}
}

func (f *formatter) constraint(c *Constraint) {
	if c.Name != nil {
		f.word("CONSTRAINT")
		f.ident(c.Name)
	}
	if c.Unique {
		f.word("UNIQUE")
	} else {
		f.word("PRIMARY", "KEY")
	}
	f.columns(c.Columns)
	f.word(c.Enforcement)
}

func (f *formatter) distribution(word string, d *Distribution) {
	if d == nil {
		return
	}
	f.word(word)
	if d.Columns != nil {
		f.word("BY", d.Kind)
		f.columns(d.Columns)
	}
	if d.Buckets != nil {
		f.word("INTO", d.Buckets.Text, "BUCKETS")
	}
}

func (f *formatter) partitionedBy(columns []*Ident) {
	if columns != nil {
		f.word("PARTITIONED", "BY")
		f.columns(columns)
	}
}

func (f *formatter) as(q *Query) {
	if q != nil {
		f.word("AS")
		f.query(q)
	}
}

func (f *formatter) language(l string) {
	if l != "" {
		f.word("LANGUAGE", l)
	}
}

func (f *formatter) statement(s Statement) {
	const ifNotExists, ifExists = "IF NOT EXISTS", "IF EXISTS"
	switch s := s.(type) {
	case *Query:
		f.query(s)
	case *CreateTable:
		f.when(!s.Replace, "CREATE")
		f.when(s.OrReplace, "OR")
		f.when(s.Replace || s.OrReplace, "REPLACE")
		f.when(s.Temporary, "TEMPORARY")
		f.word("TABLE")
		f.when(s.IfNotExists, ifNotExists)
		f.name(s.Name)
		f.schema(s.Schema)
		f.str("COMMENT", s.Comment)
		f.distribution("DISTRIBUTED", s.Distribution)
		f.partitionedBy(s.PartitionedBy)
		f.with(s.Options)
		if s.Like != nil {
			f.word("LIKE")
			f.name(s.Like.Table)
			if len(s.Like.Options) > 0 {
				f.open(false)
				for _, o := range s.Like.Options {
					f.word(o.Strategy, o.Feature)
				}
				f.close()
			}
		}
		f.as(s.As)
	case *CreateMaterializedTable:
		f.word("CREATE")
		f.when(s.OrAlter, "OR ALTER")
		f.word("MATERIALIZED", "TABLE")
		f.name(s.Name)
		f.schema(s.Schema)
		f.str("COMMENT", s.Comment)
		f.distribution("DISTRIBUTED", s.Distribution)
		f.partitionedBy(s.PartitionedBy)
		f.with(s.Options)
		if s.StartMode != nil {
			f.word("START_MODE", "=", s.StartMode.Kind)
			if s.StartMode.Arg != nil {
				f.open(true)
				f.node(s.StartMode.Arg)
				f.close()
			}
		}
		if s.Freshness != nil {
			f.word("FRESHNESS", "=")
			f.node(s.Freshness)
		}
		if s.RefreshMode != "" {
			f.word("REFRESH_MODE", "=", s.RefreshMode)
		}
		f.as(s.As)
	case *CreateView:
		f.word("CREATE")
		f.when(s.OrReplace, "OR REPLACE")
		f.when(s.Temporary, "TEMPORARY")
		f.word("VIEW")
		f.when(s.IfNotExists, ifNotExists)
		f.name(s.Name)
		f.columns(s.Columns)
		f.str("COMMENT", s.Comment)
		f.as(s.Query)
	case *CreateObject:
		f.word("CREATE")
		f.when(s.Temporary, "TEMPORARY")
		f.when(s.System, "SYSTEM")
		f.word(string(s.Kind))
		f.when(s.IfNotExists, ifNotExists)
		f.name(s.Name)
		f.str("COMMENT", s.Comment)
		f.with(s.Options)
	case *CreateFunction:
		f.word("CREATE")
		f.when(s.Temporary, "TEMPORARY")
		f.when(s.System, "SYSTEM")
		f.word("FUNCTION")
		f.when(s.IfNotExists, ifNotExists)
		f.name(s.Name)
		f.str("AS", s.Class)
		f.language(s.Language)
		if len(s.Using) > 0 {
			f.word("USING")
			commas(f, s.Using, func(r *Resource) { f.word(r.Kind, r.URI.Text) })
		}
		f.with(s.Options)
	case *CreateModel:
		f.word("CREATE")
		f.when(s.Temporary, "TEMPORARY")
		f.word("MODEL")
		f.when(s.IfNotExists, ifNotExists)
		f.name(s.Name)
		if len(s.Input) > 0 {
			f.word("INPUT")
			parens(f, s.Input)
		}
		if len(s.Output) > 0 {
			f.word("OUTPUT")
			parens(f, s.Output)
		}
		f.str("COMMENT", s.Comment)
		f.with(s.Options)
		f.as(s.As)
	case *Drop:
		f.word("DROP")
		f.when(s.Temporary, "TEMPORARY")
		f.when(s.System, "SYSTEM")
		f.word(string(s.Kind))
		f.when(s.IfExists, ifExists)
		f.name(s.Name)
		f.word(s.Behavior)
	case *Alter:
		f.word("ALTER")
		f.when(s.Temporary, "TEMPORARY")
		f.when(s.System, "SYSTEM")
		f.word(string(s.Kind))
		f.when(s.IfExists, ifExists)
		f.name(s.Name)
		f.action(s.Action)
	case *Insert:
		f.word("INSERT")
		if s.Overwrite {
			f.word("OVERWRITE")
		} else {
			f.word("INTO")
		}
		f.name(s.Table)
		f.hints(s.Hints)
		if s.Partition != nil {
			f.node(s.Partition)
		}
		if s.Columns != nil {
			parens(f, s.Columns)
		}
		f.query(s.Query)
		if s.OnConflict != "" {
			f.word("ON", "CONFLICT", "DO", s.OnConflict)
		}
	case *Update:
		f.word("UPDATE")
		f.name(s.Table)
		f.alias(s.Alias)
		f.word("SET")
		commas(f, s.Set, func(a *Assignment) {
			f.ident(a.Column)
			f.word("=")
			f.node(a.Value)
		})
		f.optional("WHERE", s.Where)
	case *Delete:
		f.word("DELETE", "FROM")
		f.name(s.Table)
		f.alias(s.Alias)
		f.optional("WHERE", s.Where)
	case *Truncate:
		f.word("TRUNCATE", "TABLE")
		f.name(s.Table)
	case *StatementSet:
		f.when(s.Execute, "EXECUTE")
		f.word("STATEMENT", "SET", "BEGIN")
		for _, i := range s.Inserts {
			f.node(i)
			f.mark(";", false)
		}
		f.word("END")
	case *BeginStatementSet:
		f.word("BEGIN", "STATEMENT", "SET")
	case *EndStatementSet:
		f.word("END")
	case *Execute:
		f.word("EXECUTE")
		f.statement(s.Statement)
	case *ExecutePlan:
		f.word("EXECUTE", "PLAN", s.Path.Text)
	case *CompilePlan:
		f.word("COMPILE")
		f.when(s.Execute, "AND EXECUTE")
		f.word("PLAN")
		if s.Path != nil {
			f.word(s.Path.Text)
		}
		f.when(s.IfNotExists, ifNotExists)
		f.word("FOR")
		f.statement(s.Statement)
	case *Analyze:
		f.word("ANALYZE", "TABLE")
		f.name(s.Table)
		if s.Partition != nil {
			f.node(s.Partition)
		}
		f.word("COMPUTE", "STATISTICS")
		f.when(s.AllColumns, "FOR ALL COLUMNS")
		if len(s.Columns) > 0 {
			f.word("FOR", "COLUMNS")
			nodes(f, s.Columns)
		}
	case *CallProcedure:
		f.word("CALL")
		f.call(s.Call)
	case *Explain:
		f.word("EXPLAIN")
		commas(f, s.Details, func(d string) { f.word(d) })
		f.statement(s.Statement)
	case *Set:
		f.word("SET")
		if s.Key != "" {
			f.word(quote(s.Key), "=", quote(s.Value))
		}
	case *Reset:
		f.word("RESET")
		if s.Key != "" {
			f.word(quote(s.Key))
		}
	case *Show:
		f.word("SHOW", string(s.Kind), string(s.Object), s.Preposition)
		if s.Name != nil {
			f.name(s.Name)
		}
		if s.Partition != nil {
			f.node(s.Partition)
		}
		if s.Pattern != nil {
			f.when(s.Not, "NOT")
			f.word(string(s.LikeOp), s.Pattern.Text)
		}
	case *Describe:
		f.word("DESCRIBE", string(s.Kind))
		f.when(s.Extended, "EXTENDED")
		f.str("", s.Job)
		if s.Name != nil {
			// A table may have the name of a kind of things.
			f.name(s.Name)
		}
	case *Use:
		f.word("USE")
		f.when(s.Kind != KindDatabase, string(s.Kind))
		nodes(f, s.Names)
	case *LoadModule:
		f.word("LOAD", "MODULE")
		f.ident(s.Name)
		f.with(s.Options)
	case *UnloadModule:
		f.word("UNLOAD", "MODULE")
		f.ident(s.Name)
	case *Jar:
		if s.Remove {
			f.word("REMOVE", "JAR", s.Path.Text)
		} else {
			f.word("ADD", "JAR", s.Path.Text)
		}
	case *StopJob:
		f.word("STOP", "JOB", s.Job.Text)
		f.when(s.Savepoint, "WITH SAVEPOINT")
		f.when(s.Drain, "WITH DRAIN")
	case *ClientCommand:
		f.word(s.Name)
	}
}

func (f *formatter) alias(a *Ident) {
	if a != nil {
		f.word("AS")
		f.ident(a)
	}
}

func (f *formatter) action(a AlterAction) {
	elements := func(s *Schema) {
		f.open(false)
		f.elements(s)
		f.close()
	}
	switch a := a.(type) {
	case *Rename:
		f.word("RENAME", "TO")
		f.name(a.To)
	case *RenameColumn:
		f.word("RENAME")
		f.name(a.From)
		f.word("TO")
		f.name(a.To)
	case *SetOptions:
		f.word("SET")
		parens(f, a.Options)
	case *ResetOptions:
		f.word("RESET")
		parens(f, a.Keys)
	case *SetComment:
		f.word("COMMENT", a.Comment.Text)
	case *AddSchema:
		f.word("ADD")
		elements(a.Schema)
	case *ModifySchema:
		f.word("MODIFY")
		elements(a.Schema)
	case *DropColumns:
		f.word("DROP")
		parens(f, a.Columns)
	case *DropPart:
		f.word("DROP", a.Part)
	case *DropConstraint:
		f.word("DROP", "CONSTRAINT")
		f.ident(a.Name)
	case *SetDistribution:
		if a.Modify {
			f.word("MODIFY")
		} else {
			f.word("ADD")
		}
		f.distribution("DISTRIBUTION", a.Distribution)
	case *AddPartitions:
		f.word("ADD")
		f.when(a.IfNotExists, "IF NOT EXISTS")
		for _, p := range a.Partitions {
			f.node(p)
		}
	case *DropPartitions:
		f.word("DROP")
		f.when(a.IfExists, "IF EXISTS")
		nodes(f, a.Partitions)
	case *AlterQuery:
		f.as(a.Query)
	case *AlterFunction:
		f.str("AS", a.Class)
		f.language(a.Language)
	case *Suspend:
		f.word("SUSPEND")
	case *Resume:
		f.word("RESUME")
		f.with(a.Options)
	case *Refresh:
		f.word("REFRESH")
		if a.Partition != nil {
			f.node(a.Partition)
		}
	case *SetFreshness:
		f.word("SET", "FRESHNESS", "=")
		f.node(a.Freshness)
	case *SetRefreshMode:
		f.word("SET", "REFRESH_MODE", "=", a.Mode)
	}
}
