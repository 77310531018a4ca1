//! Assembles `template.yaml` from its parts: the hand-written `deploy/template/*.yaml`, and the
//! `lambda.yaml` of every Lambda. `UPDATE_TEMPLATE=1 cargo test -p functions --lib template` writes
//! the file. Without the variable, the test compares it.

use std::sync::LazyLock;

use serde_yaml_ng::Value;

use super::{
    entries,
    lambda_file::{LambdaFile, indented, read_all},
    parameters_in, parse, pascal,
};
use crate::{document::document, testing::TEMPLATE};

/// The template, assembled from its parts.
pub(super) static ASSEMBLED: LazyLock<String> = LazyLock::new(|| Parts::read().assemble());

/// `Cargo.toml`. Its last lines are the binaries of the Lambdas.
pub(super) static MANIFEST: LazyLock<String> = LazyLock::new(|| {
    let manifest = include_str!("../../Cargo.toml");
    let end = manifest.find(BINARIES).unwrap() + BINARIES.len();
    manifest[..end].to_owned() + &Parts::read().binaries()
});

/// The line of `Cargo.toml` after which the binaries begin.
const BINARIES: &str = "# UPDATE_TEMPLATE=1 cargo test -p functions --lib template\n";

const HEADER: &str = "\
# Assembled; do not edit. The parts are deploy/template/*.yaml and the lambda.yaml of every Lambda in functions/.
# After you change one of them, run:
#
#   UPDATE_TEMPLATE=1 cargo test -p functions --lib template
#
# To deploy it: docs/deployment.md.
";

/// The path by which an OpenAPI body names the route for all requests that match no other route.
const DEFAULT_PATH: &str = "/$default";

/// The ARN of a function of this stack, up to the function's name.
pub(super) const FUNCTION: &str =
    "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}_";

/// The comment that marks a place to fill in, in a hand-written part.
const MARKER: &str = "# assembled here: ";

macro_rules! part {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../deploy/template/", $name, ".yaml")))
    };
}

const BEFORE_THE_LAMBDAS: [(&str, &str); 9] = [
    part!("head"),
    part!("parameters"),
    part!("rules"),
    part!("globals"),
    part!("kept"),
    part!("back_channel"),
    part!("api"),
    part!("boundary"),
    part!("settings"),
];
const AFTER_THE_LAMBDAS: [(&str, &str); 3] =
    [part!("alarms"), part!("dashboard"), part!("outputs")];

/// A route of the API, and the Lambda that it calls.
pub(in crate::promises) struct Route {
    pub(in crate::promises) path: String,
    /// `post`, or API Gateway's own name for any method.
    pub(in crate::promises) method: String,
    pub(in crate::promises) lambda: String,
}

/// The parts of the template that are not written by hand.
pub(in crate::promises) struct Parts {
    /// The name, folder and file of every Lambda.
    lambdas: Vec<(String, String, LambdaFile)>,
    /// The routes of the API, by path.
    routes: Vec<Route>,
}

impl Parts {
    pub(in crate::promises) fn read() -> Self {
        Self { lambdas: read_all(), routes: Route::all() }
    }

    /// Removes a Lambda and its route.
    pub(in crate::promises) fn remove(&mut self, lambda: &str) {
        self.lambdas.retain(|(name, _, _)| name != lambda);
        self.routes.retain(|route| route.lambda != lambda);
    }

    /// Adds a Lambda with its `lambda.yaml` and its route.
    pub(in crate::promises) fn add(
        &mut self,
        lambda: &str,
        folder: &str,
        yaml: &str,
        route: Route,
    ) {
        self.lambdas.push((lambda.to_owned(), folder.to_owned(), LambdaFile::parse(yaml).unwrap()));
        self.routes.push(route);
    }

    /// The assembled template, with `!Ref X` as `{Ref: X}`.
    pub(in crate::promises) fn value(&self) -> Value {
        parse(&self.assemble())
    }

    /// The `[[bin]]` sections of `Cargo.toml`.
    fn binaries(&self) -> String {
        let binary = |(name, folder, _): &(String, String, LambdaFile)| {
            format!("\n[[bin]]\nname = \"{name}\"\npath = \"{folder}/main.rs\"\ntest = false\n")
        };
        self.lambdas.iter().map(binary).collect()
    }

    fn assemble(&self) -> String {
        let mut template = HEADER.to_owned();
        let mut has_resources = false;
        let mut add = |name: &str, text: &str| {
            let text = match text.strip_prefix("Resources:\n") {
                Some(resources) if has_resources => resources,
                _ => text,
            };
            has_resources |= text.starts_with("Resources:\n");
            template += &format!("\n# {name}\n\n{}\n", text.trim_end());
        };

        for (name, text) in BEFORE_THE_LAMBDAS {
            add(&format!("deploy/template/{name}.yaml"), &self.filled(text));
        }

        for (name, folder, file) in &self.lambdas {
            let lines: Vec<_> = indented(2, file.function(name)).collect();
            add(&format!("functions/{folder}/lambda.yaml"), &lines.join("\n"));
        }

        for (name, text) in AFTER_THE_LAMBDAS {
            add(&format!("deploy/template/{name}.yaml"), &self.filled(text));
        }

        template
    }

    /// A hand-written part with its markers filled in.
    fn filled(&self, part: &str) -> String {
        let lines = part.lines().flat_map(|line| match line.split_once(MARKER) {
            Some((indent, what)) if indent.trim().is_empty() => {
                let lines = match what {
                    "settings" => settings(&self.lambdas),
                    "routes" => self.paths(),
                    "functions without a route" => self.without_a_route(),
                    other => panic!("unknown marker: {other}"),
                };
                indented(indent.len(), lines).collect()
            }
            _ => vec![line.to_owned()],
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }

    /// The paths of the API's OpenAPI body.
    fn paths(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut path = "";
        for route in &self.routes {
            if route.path != path {
                path = &route.path;
                lines.push(format!("{path}:"));
            }
            let called = self.lambdas.iter().find(|(name, _, _)| *name == route.lambda);
            let has_alias = called.is_some_and(|(_, _, file)| file.canary);
            lines.extend(indented(2, route.operation(has_alias)));
        }

        lines
    }

    /// The ARNs of the functions that no route calls, without and with a qualifier.
    fn without_a_route(&self) -> Vec<String> {
        let is_called = |name: &str| self.routes.iter().any(|route| route.lambda == name);
        let others = self.lambdas.iter().filter(|(name, _, _)| !is_called(name));
        others
            .flat_map(|(name, _, _)| {
                [format!("- !Sub {FUNCTION}{name}"), format!("- !Sub {FUNCTION}{name}:*")]
            })
            .collect()
    }
}

impl Route {
    /// The routes of all operations, and the one for everything else.
    fn all() -> Vec<Self> {
        let document: serde_json::Value =
            serde_json::from_str(&document().to_json().unwrap()).unwrap();
        let mut routes = Self::of(&document);
        let any_method = "x-amazon-apigateway-any-method".to_owned();
        routes.push(Self {
            path: DEFAULT_PATH.to_owned(),
            method: any_method,
            lambda: "not-found".to_owned(),
        });

        routes
    }

    /// The route of each operation of an OpenAPI document.
    pub(in crate::promises) fn of(document: &serde_json::Value) -> Vec<Self> {
        let mut routes = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let lambda = operation["operationId"].as_str().unwrap().to_owned();
                routes.push(Self { path: path.clone(), method: method.clone(), lambda });
            }
        }
        routes
    }

    /// The lines of the operation. The function is called by its alias, if it has one.
    fn operation(&self, has_alias: bool) -> Vec<String> {
        let Self { path, method, lambda } = self;
        let mut lines = vec![format!("{method}:")];
        if path == DEFAULT_PATH {
            lines.push("  isDefaultRoute: true".to_owned());
        }

        let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let parameters = names.map(|name| {
            format!("{{ name: {name}, in: path, required: true, schema: {{ type: string }} }}")
        });
        let parameters: Vec<_> = parameters.collect();
        if !parameters.is_empty() {
            lines.push(format!("  parameters: [{}]", parameters.join(", ")));
        }

        let alias = if has_alias { ":live" } else { "" };
        let integration = format!(
            "\
responses: {{}}
x-amazon-apigateway-integration:
  type: aws_proxy
  httpMethod: POST
  uri: !Sub {FUNCTION}{lambda}{alias}
  credentials: !GetAtt ApiRole.Arn
  payloadFormatVersion: \"2.0\"
  timeoutInMillis: 11000"
        );

        lines.extend(indented(2, integration.lines().map(str::to_owned).collect()));
        lines
    }
}

/// A line such as `OtpLength=${OtpLength}` for each parameter in the configuration of the functions
/// with versions.
fn settings(lambdas: &[(String, String, LambdaFile)]) -> Vec<String> {
    let part = |name: &str| {
        let (_, yaml) = BEFORE_THE_LAMBDAS.into_iter().find(|(known, _)| *known == name).unwrap();
        parse(yaml)
    };
    let (globals, parameters) = (part("globals"), part("parameters"));
    let content = &part("settings")["Resources"]["SettingsVersion"]["Properties"]["Content"]["Sub"];
    let mut used = Vec::new();
    // A setting that is computed from parameters and resources is listed with its result.
    let is_computed = |variable: &str| content[1].get(pascal(variable)).is_some();
    let parameter = |variable: &str| {
        Value::Mapping([("Ref".into(), pascal(variable).into())].into_iter().collect())
    };

    for (name, value) in entries(&globals["Globals"]["Function"]) {
        match name {
            // How a version goes live is not part of the version.
            "DeploymentPreference" => {}
            "Environment" => {
                for (variable, value) in entries(&value["Variables"]) {
                    let own = parameter(variable);
                    parameters_in(
                        if is_computed(variable) { &own } else { value },
                        &parameters["Parameters"],
                        &mut used,
                    );
                }
            }
            _ => parameters_in(value, &parameters["Parameters"], &mut used),
        }
    }

    let with_versions = lambdas.iter().filter(|(_, _, file)| file.canary);
    for variable in with_versions.flat_map(|(_, _, file)| file.variables()) {
        parameters_in(&parameter(variable), &parameters["Parameters"], &mut used);
    }

    used.iter().map(|name| format!("{name}=${{{name}}}")).collect()
}

#[test]
fn the_template_and_the_manifest_in_the_repository_match_their_parts() {
    #[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
    let update = std::env::var("UPDATE_TEMPLATE").is_ok();

    let files = [
        ("../template.yaml", TEMPLATE, &*ASSEMBLED),
        ("Cargo.toml", include_str!("../../Cargo.toml"), &*MANIFEST),
    ];
    for (name, _, ought) in files.into_iter().filter(|(_, is, ought)| is != ought) {
        assert!(
            update,
            "{name} differs from its parts; run: UPDATE_TEMPLATE=1 cargo test -p functions --lib template"
        );
        std::fs::write(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name), ought).unwrap();
    }
}
