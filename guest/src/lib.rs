//! The SDK for writing Nudge policies.
//!
//! A policy is a pure function of settings and rows, compiled to a WebAssembly component. It is one
//! small file: a settings struct, a function per event or visit, and one export macro.
//!
//! ```
//! use nudge_guest::prelude::*;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! pub struct Settings {
//!     node: String,
//!     patience: Span,
//! }
//!
//! pub struct Cart {
//!     settings: Settings,
//!     node: Field<Text>,
//! }
//!
//! impl Policy for Cart {
//!     const MANIFEST: Manifest = manifest!("cart", "Reminds of a full cart", r#"{"type": "object"}"#);
//!     type Settings = Settings;
//!
//!     fn configure(settings: Settings, needs: &mut Needs) -> Result<Self, Issues> {
//!         let node = needs.event("node").only(Questions::LOCATE).text();
//!         Ok(Cart { settings, node })
//!     }
//! }
//!
//! impl Journey for Cart {
//!     fn rules(&self) -> Vec<Rule> {
//!         let watch = Watch { longer_than: self.settings.patience.0, basis: Basis::Interruption };
//!         vec![Rule { node: Place::named(&self.settings.node), watch: Some(watch), last: false }]
//!     }
//!
//!     fn locate(&self, event: Row<'_>) -> Option<usize> {
//!         (event.get(self.node)? == self.settings.node).then_some(0)
//!     }
//!
//!     fn stalled(&self, _rule: usize, _visit: Row<'_>) -> Option<Draft> {
//!         Some(Draft::new("full-cart"))
//!     }
//! }
//!
//! nudge_guest::export!(Cart: journey);
//! # fn main() {}
//! ```
//!
//! A panic in a policy becomes the fault's message on the host. The crate builds natively too: there
//! [`testing`] configures a policy and asks it, without a sandbox.

#[doc(hidden)]
pub mod bench;
#[doc(hidden)]
pub mod bindings;
mod campaign;
mod embed;
mod features;
#[doc(hidden)]
pub mod glue;
pub mod guide;
mod kinds;
mod needs;
mod row;
mod settings;
pub mod testing;
mod words;

pub use campaign::{Parameters, is_of_content};
pub use embed::{Unknown, embed, encoded, tidy};
pub use features::{FeatureSettings, Features, Format, Origin, feature_issues, unnameable};
pub use kinds::{
    Audience, Basis, Campaign, Content, Data, Draft, Grade, Importance, Itinerary, Journey,
    Overdue, Personalise, Place, PlanRequest, Policy, Reading, RenderRequest, Route, Rule, Step,
    Template, Value, Verdict, Watch,
};
pub use needs::{EVER, Need, Needs, Questions, uncountable};
pub use row::{Field, Row, Shape, Text};
pub use settings::{Issues, Span, given, parse, pointer};

/// A length of time in milliseconds.
pub type Millis = u64;

/// A moment, in milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

/// Who a policy is; made by [`manifest!`].
#[derive(Clone, Copy, Debug)]
pub struct Manifest {
    /// Lower case letters, digits and hyphens.
    pub name: &'static str,
    /// A semantic version.
    pub version: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// A JSON Schema of the settings.
    pub settings_schema: &'static str,
}

/// A [`Manifest`] with the version of the crate that it stands in.
#[macro_export]
macro_rules! manifest {
    ($name:expr, $title:expr, $schema:expr $(,)?) => {
        $crate::Manifest {
            name: $name,
            version: env!("CARGO_PKG_VERSION"),
            title: $title,
            settings_schema: $schema,
        }
    };
}

/// Makes a type a policy: `export!(Dwell: journey, personalise);`, with the kinds that it is.
#[macro_export]
macro_rules! export {
    ($policy:ty: $($kind:ident),+ $(,)?) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            static POLICY: ::std::sync::OnceLock<$policy> = ::std::sync::OnceLock::new();

            struct Exports;
            impl $crate::bindings::base::exports::nudge::policy::policy::Guest for Exports {
                fn describe() -> $crate::bindings::base::exports::nudge::policy::policy::Manifest {
                    $crate::glue::describe::<$policy>()
                }
                fn configure(
                    settings: ::std::string::String,
                ) -> ::std::result::Result<
                    $crate::bindings::base::exports::nudge::policy::policy::Setup,
                    ::std::vec::Vec<$crate::bindings::base::nudge::policy::types::Issue>,
                > {
                    $crate::glue::configure(&POLICY, &settings)
                }
            }
            $crate::bindings::base::export_policy!(Exports with_types_in $crate::bindings::base);
            $($crate::__export_kind!($kind);)+
        };
        // Readable without running the module.
        #[cfg(target_family = "wasm")]
        const _: () = {
            const MANIFEST: $crate::Manifest = <$policy as $crate::Policy>::MANIFEST;
            const TEXTS: &[&str] = &[
                "name: ", MANIFEST.name,
                "\ntitle: ", MANIFEST.title,
                "\nversion: ", MANIFEST.version,
                "\nauthor: ", env!("CARGO_PKG_AUTHORS"),
                "\nlicence: ", env!("CARGO_PKG_LICENSE"),
                "\nsource: ", env!("CARGO_PKG_REPOSITORY"), "\n",
            ];
            #[allow(unsafe_code)]
            #[unsafe(link_section = "nudge-metadata")]
            #[used]
            static METADATA: [u8; $crate::glue::length(TEXTS)] = $crate::glue::bytes(TEXTS);

            const SCHEMA: &[&str] = &[MANIFEST.settings_schema];
            #[allow(unsafe_code)]
            #[unsafe(link_section = "nudge-settings-schema")]
            #[used]
            static SETTINGS_SCHEMA: [u8; $crate::glue::length(SCHEMA)] = $crate::glue::bytes(SCHEMA);
        };
        // What `nudge policy bench` calls to have something to compare the sandbox with.
        #[cfg(not(target_family = "wasm"))]
        #[doc(hidden)]
        pub fn __nudge_bench() -> ::std::process::ExitCode {
            $crate::bench::main::<$policy>(&[$($crate::__asker!($policy, $kind)),+])
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_kind {
    (journey) => {
        impl $crate::bindings::journey::exports::nudge::policy::journey::Guest for Exports {
            fn rules() -> ::std::vec::Vec<$crate::Rule> {
                $crate::glue::rules($crate::glue::policy(&POLICY))
            }
            fn locate(events: $crate::glue::Batch) -> ::std::vec::Vec<u32> {
                $crate::glue::locate($crate::glue::policy(&POLICY), &events)
            }
            fn stalled(
                rules: ::std::vec::Vec<u32>,
                visits: $crate::glue::Batch,
            ) -> ::std::vec::Vec<$crate::bindings::journey::exports::nudge::policy::journey::Draft> {
                $crate::glue::stalled($crate::glue::policy(&POLICY), &rules, &visits)
            }
        }
        $crate::bindings::journey::export_journey!(Exports with_types_in $crate::bindings::journey);
    };
    (audience) => {
        impl $crate::bindings::audience::exports::nudge::policy::audience::Guest for Exports {
            fn groups() -> ::std::vec::Vec<::std::string::String> {
                $crate::glue::groups($crate::glue::policy(&POLICY))
            }
            fn classify(
                records: $crate::glue::Batch,
            ) -> $crate::bindings::audience::exports::nudge::policy::audience::Memberships {
                $crate::glue::classify($crate::glue::policy(&POLICY), &records)
            }
            fn compose(
                parameters: ::std::string::String,
            ) -> ::std::result::Result<
                $crate::bindings::audience::exports::nudge::policy::audience::Campaign,
                ::std::vec::Vec<$crate::bindings::base::nudge::policy::types::Issue>,
            > {
                $crate::glue::compose($crate::glue::policy(&POLICY), &parameters)
            }
            fn qualify(
                standard: ::std::string::String,
                members: $crate::glue::Batch,
            ) -> ::std::vec::Vec<u32> {
                $crate::glue::qualify($crate::glue::policy(&POLICY), &standard, &members)
            }
        }
        $crate::bindings::audience::export_audience!(Exports with_types_in $crate::bindings::audience);
    };
    (personalise) => {
        impl $crate::bindings::personalise::exports::nudge::policy::personalise::Guest for Exports {
            fn render(
                templates: ::std::vec::Vec<$crate::Template>,
                requests: ::std::vec::Vec<
                    $crate::bindings::personalise::exports::nudge::policy::personalise::Request,
                >,
                users: $crate::glue::Batch,
            ) -> ::std::vec::Vec<$crate::bindings::personalise::exports::nudge::policy::personalise::Content>
            {
                $crate::glue::render($crate::glue::policy(&POLICY), &templates, &requests, &users)
            }
        }
        $crate::bindings::personalise::export_personalise!(
            Exports with_types_in $crate::bindings::personalise
        );
    };
    (route) => {
        impl $crate::bindings::route::exports::nudge::policy::route::Guest for Exports {
            fn plan(
                requests: ::std::vec::Vec<$crate::PlanRequest>,
                users: $crate::glue::Batch,
            ) -> ::std::vec::Vec<$crate::bindings::route::exports::nudge::policy::route::Itinerary> {
                $crate::glue::plan($crate::glue::policy(&POLICY), &requests, &users)
            }
            fn judge(
                steps: ::std::vec::Vec<$crate::Overdue>,
                users: $crate::glue::Batch,
            ) -> ::std::vec::Vec<$crate::Verdict> {
                $crate::glue::judge($crate::glue::policy(&POLICY), &steps, &users)
            }
        }
        $crate::bindings::route::export_route!(Exports with_types_in $crate::bindings::route);
    };
    ($other:ident) => {
        compile_error!(concat!(
            "`", stringify!($other), "` is no kind of policy: use journey, audience, personalise or route"
        ));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __asker {
    ($policy:ty, journey) => {
        $crate::bench::journey::<$policy>
    };
    ($policy:ty, audience) => {
        $crate::bench::audience::<$policy>
    };
    ($policy:ty, personalise) => {
        $crate::bench::personalise::<$policy>
    };
    ($policy:ty, route) => {
        $crate::bench::route::<$policy>
    };
}

/// Tests that run in WebAssembly: `nudge policy test` runs each in an instance of its own, under the
/// limits of production. The same functions are ordinary tests for `cargo test`.
///
/// They become part of the component, so they stand in a module that only tests have; see the
/// [guide](guide).
///
/// ```
/// nudge_guest::tests! {
///     fn one_and_one_make_two() {
///         assert_eq!(1 + 1, 2);
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! tests {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)+) => {
        $(
            $(#[$attribute])*
            #[cfg_attr(not(target_family = "wasm"), test)]
            fn $name() $body
        )+

        #[cfg(target_family = "wasm")]
        const _: () = {
            static TESTS: &[$crate::glue::Test] = &[$((stringify!($name), $name)),+];

            struct Exports;
            impl $crate::bindings::tests::exports::nudge::policy::tests::Guest for Exports {
                fn names() -> ::std::vec::Vec<::std::string::String> {
                    $crate::glue::test_names(TESTS)
                }
                fn run(
                    test: u32,
                ) -> ::std::result::Result<
                    (),
                    $crate::bindings::tests::exports::nudge::policy::tests::Failure,
                > {
                    $crate::glue::run_test(TESTS, test)
                }
            }
            $crate::bindings::tests::export_tests!(Exports with_types_in $crate::bindings::tests);
        };
    };
}

/// What a policy file wants to name.
pub mod prelude {
    pub use crate::{
        Audience, Basis, Campaign, Content, Draft, Field, Grade, Importance, Issues, Itinerary,
        Journey, Manifest, Millis, Moment, Needs, Overdue, Personalise, Place, PlanRequest, Policy,
        Questions, Reading, RenderRequest, Route, Row, Rule, Span, Step, Template, Text, Value,
        Verdict, Watch, manifest, pointer,
    };
}
