//! What wit-bindgen makes of the contract: one world for what every policy exports and one for each
//! kind, so that a policy exports just the kinds that it is. They share the contract's types.
#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, clippy::restriction)]

pub mod base {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        inline: "
            package nudge:sdk;
            world base {
                import nudge:policy/log@0.1.0;
                export nudge:policy/policy@0.1.0;
            }
        ",
        world: "nudge:sdk/base",
        pub_export_macro: true,
        export_macro_name: "export_policy",
        generate_all,
        additional_derives: [PartialEq],
    });
}

macro_rules! kind {
    ($name:ident, $world:literal, $inline:literal, $export:literal) => {
        pub mod $name {
            wit_bindgen::generate!({
                path: "../wit/0.1.0",
                inline: $inline,
                world: $world,
                pub_export_macro: true,
                export_macro_name: $export,
                generate_all,
                additional_derives: [PartialEq],
                with: { "nudge:policy/types@0.1.0": crate::bindings::base::nudge::policy::types },
            });
        }
    };
}

kind!(
    journey,
    "nudge:sdk/journey",
    "package nudge:sdk; world journey { export nudge:policy/journey@0.1.0; }",
    "export_journey"
);
kind!(
    audience,
    "nudge:sdk/audience",
    "package nudge:sdk; world audience { export nudge:policy/audience@0.1.0; }",
    "export_audience"
);
kind!(
    personalise,
    "nudge:sdk/personalise",
    "package nudge:sdk; world personalise { export nudge:policy/personalise@0.1.0; }",
    "export_personalise"
);
kind!(
    route,
    "nudge:sdk/route",
    "package nudge:sdk; world route { export nudge:policy/route@0.1.0; }",
    "export_route"
);

pub mod tests {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        inline: "package nudge:sdk; world tests { export nudge:policy/tests@0.1.0; }",
        world: "nudge:sdk/tests",
        pub_export_macro: true,
        export_macro_name: "export_tests",
        generate_all,
    });
}
