//! E1: the files and their YAML. A line `# file: NAME` begins another file of an example.

pages! {
    Unreadable "The file cannot be read"
        "The path is wrong, the file is not readable for this user, or it is not UTF-8 text."
        ""
    FileTooLarge "The file is too large"
        "A configuration is at most 1 MiB."
        ""
    YamlSyntax "The file is not YAML"
        "The YAML reader stopped. The usual causes are a missing quote, a tab as indentation, or a \
         template in braces that is not quoted."
        "events:\n  hello: [1, 2\n"
    SecondReader "Two YAML readers disagree"
        "A configuration is read by two independent readers and must mean the same to both. This \
         one \
         does not; write the place in a simpler way."
        "x-flow: {key:}\n"
    DuplicateKey "A key stands twice in one map"
        "YAML readers disagree on which of the two counts, so none does."
        "transport:\n  readTimeout: 60m\n  readTimeout: 30s\n"
    TooDeep "The file is nested too deeply"
        "Lists and maps nest at most 64 deep."
        "x-deep: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]\
         ]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"
    TooLarge "The file expands to too much"
        "Aliases multiply what they name; a file may expand to at most 65,536 values."
        "x-a: &a [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\nx-b: &b [*a,*a,*a,\
         *a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nx-c: &c [*b,*b,*b,*b,*b,\
         *b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nx-d: [*c,*c,*c,*c,*c,*c,*c,*c,\
         *c,*c,*c,*c,*c,*c,*c,*c]\n"
    AnchorCycle "An alias inside its own anchor"
        "A value cannot contain itself."
        "x-a: &a [1, *a]\n"
    MergeKey "Merge keys are not supported"
        "`<<` is not part of YAML 1.2 and readers disagree on it. Write the keys out."
        "x-base: &base { path: /ws }\nserver:\n  <<: *base\n"
    Tag "Tags are not supported"
        "A tag such as `!include` asks for something that a configuration does not do."
        "server:\n  address: !env ADDRESS\n"
    KeyNotText "A key is not text"
        "A key must be plain text. A template in braces at a key's place needs quotes."
        "events:\n  {.payload}: {}\n"
    SeveralDocuments "More than one document"
        "A configuration is one YAML document; what follows a second `---` would be ignored."
        "server:\n  path: /ws\n---\nserver:\n  path: /other\n"
    RootNotMap "The file is not a map"
        "A configuration is a map of sections such as `server`, `transport`, `events`."
        "- server\n- events\n"
    FileOutside "A file outside the folder"
        "`extends` and `include` name files below the folder of the main file, by relative paths \
         without `..`; a link must not lead outside either."
        "extends: ../base.yaml\n"
    FileCycle "A file that asks for itself"
        "What a file extends or includes must not lead back to it."
        "extends: base.yaml\n# file: base.yaml\nextends: config.yaml\n"
    FileTwice "A file that is asked for twice"
        "Each file is part of a configuration once. Of two files that need a third, one extends it \
         and the main file extends that one."
        "extends: base.yaml\ninclude: [base.yaml]\n# file: base.yaml\nserver: { path: /ws }\n"
    TooManyFiles "Too many files"
        "A configuration has at most 256 files, a folder named in a pattern at most 4,096."
        "# generated: files\n"
    PartConflict "One value stands in two parts"
        "`include` puts files beside each other, so none may replace what another one says. \
         `extends` is for that: the file that extends wins."
        "include: [events/*.yaml]\nserver: { path: /ws }\n# file: events/chat.yaml\n\
         server: { path: /chat }\n"
    BadVariant "An environment without a usable name"
        "`--env NAME` lays `config.NAME.yaml` over `config.yaml`; a name has letters, digits, `-` \
         and `_`."
        "# variant: ../prod\nserver: { path: /ws }\n"
    NoLayout "A file that cannot be laid out"
        "`shardwire fmt` would change what the file means, so it leaves it alone. An anchor on a \
         key \
         is a reason."
        ""
}
