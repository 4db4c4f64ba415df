//! Which column is what, and what becomes of the others.

use super::*;

fn options(set: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    set(&mut options);
    options
}

#[test]
fn columns_are_guessed_or_given_and_it_is_said_which() {
    let text = "Case ID,Activity,Complete Timestamp,who\nc,n,1,w\n";
    let log = open(text, &Options::default()).unwrap();
    let columns = log.columns();
    assert_eq!(&*columns.user.name, "Case ID");
    assert_eq!(&*columns.node.name, "Activity");
    assert_eq!(&*columns.time.name, "Complete Timestamp");
    assert!(columns.user.guessed && columns.kind.is_none());

    let given = options(|o| o.user = Some("who".into()));
    let log = open(text, &given).unwrap();
    assert_eq!(&*log.columns().user.name, "who");
    assert!(!log.columns().user.guessed && log.columns().time.guessed);
    assert_eq!(shorts_with(text, &given), ["w@1000 n [Case ID=c node=n]"]);
}

#[test]
fn a_column_that_is_not_there_is_named_and_the_others_listed() {
    let given = options(|o| o.time = Some("wehn".into()));
    for text in [
        "user,node,when\nu,n,1\n",
        "{\"user\":1,\"node\":2,\"when\":3}\n",
        "<log><event><string key=\"user\" value=\"1\"/><int key=\"node\" value=\"1\"/>\
         <int key=\"when\" value=\"1\"/></event></log>",
    ] {
        let error = open(text, &given).unwrap_err();
        assert!(matches!(&error, LogError::UnknownColumn { columns, .. } if columns.len() == 3));
        let error = error.to_string();
        assert!(error.contains("has no column \"wehn\" (--time-field)"), "{error}");
        for column in ["\"user\"", "\"node\"", "\"when\""] {
            assert!(error.contains(column), "{error}");
        }
    }
}

#[test]
fn a_column_that_cannot_be_guessed_is_asked_for() {
    for text in ["user,node,when\nu,n,1\n", "{\"user\":1,\"node\":2,\"when\":3}\n"] {
        let error = open(text, &Options::default()).unwrap_err();
        assert!(
            matches!(&error, LogError::Unguessed { role: "time", columns, .. } if columns.len() == 3)
        );
        let error = error.to_string();
        assert!(error.contains("--time-field") && error.contains("\"when\""), "{error}");
    }
    let many = (0..100).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    let error = open(many + "\n", &Options::default()).unwrap_err().to_string();
    assert!(error.contains("\"c29\", and 70 more"), "{error}");
}

#[test]
fn json_columns_are_those_of_all_the_first_lines() {
    let text = "{\"a\":1}\nbad\n{\"case_id\":\"u\"}\n{\"event\":\"n\",\"x\":{\"at\":1}}\n\
                {\"case_id\":\"u\",\"event\":\"n\",\"x\":{\"at\":1}}\n";
    let given = options(|o| o.time = Some("x.at".into()));
    assert_eq!(shorts_with(text, &given)[4], "u@1000 n [node=n]");
}

#[test]
fn only_fields_worth_keeping_are_kept() {
    let keep = |names: &[&str]| {
        options(|o| o.keep = Some(names.iter().map(|name| name.to_string()).collect()))
    };
    let text = "user,node,time,a,b\nu,n,1,x,y\n";
    assert_eq!(shorts(text), ["u@1000 n [a=x b=y node=n]"]);
    assert_eq!(shorts_with(text, &keep(&["b", "c", "user"])), ["u@1000 n [b=y node=n]"]);
    assert_eq!(shorts_with(text, &keep(&[])), ["u@1000 n [node=n]"]);
}

#[test]
fn the_node_column_is_the_node_whatever_else_is_called_so() {
    let given = options(|o| o.node = Some("step".into()));
    let text = "user,node,time,step\nu,x,1,\" n \"\nu,x,2,\n";
    assert_eq!(
        shorts_with(text, &given),
        ["u@1000 n [node=n]", "3: no value in the node column \"step\""]
    );
}

#[test]
fn one_column_may_be_two_things() {
    let given = options(|o| (o.user, o.node) = (Some("node".into()), Some("node".into())));
    assert_eq!(shorts_with("node,time\nn,1\n", &given), ["n@1000 n [node=n]"]);
}

#[test]
fn the_kind_column_decides_what_a_row_is() {
    let given = options(|o| o.kind = Some("kind".into()));
    let text = "user,node,time,kind,a\n\
        u,n,1,page,x\nu,,2,hidden,x\nu,,3, Heartbeat ,x\nu,,4,profile,x\nu,n,5,identify,x\n\
        u,n,6,,x\nu,n,7,click,x\nu,,8,page,x\nu,,9,click,x\n";
    let all = [
        "u@1000 page n [a=x kind=page node=n]",
        "u@2000 hidden",
        "u@3000 heartbeat",
        "u@4000 profile [a=x]",
        "u@5000 profile [a=x]",
        "u@6000 n [a=x node=n]",
        "u@7000 n [a=x kind=click node=n]",
        "9: no value in the node column \"node\"",
        "10: no value in the node column \"node\"",
    ];
    assert_eq!(shorts_with(text, &given), all);
    let missing = options(|o| o.kind = Some("sort".into()));
    let error = open(text, &missing).unwrap_err().to_string();
    assert!(error.contains("\"sort\" (--kind-field)"), "{error}");
}

#[test]
fn many_fields_are_fields_all_the_same() {
    let names = |n: usize| (0..n).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    for n in [10, 60, 70, 500] {
        let text = format!("user,node,time,{0}\nu,n,1,{0}\n", names(n));
        let all = read(text);
        let Ok(Event { what: What::Operation { fields, .. }, .. }) = &all[0] else {
            panic!("{all:?}");
        };
        assert_eq!(fields.iter().count(), n + 1);
        assert!(fields.get("c7").is_some() && fields.get("node").is_some());
        assert!(fields.get("user").is_none());
    }
}
