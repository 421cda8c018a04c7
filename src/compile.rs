//! `compile`: the KIngress objects that Routes and DomainMappings stand for.

use std::io::Write;
use std::process::ExitCode;

use net_pingora_config::{CompileArgs, CompileOutput};
use net_pingora_controller::api::Ingress;
use serde_json::{Value, json};

/// Prints what Routes make; exits 1 when there is a fault.
pub(crate) fn run(args: &CompileArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let loaded = crate::objects::read(args.source.from.as_deref(), &args.source.objects)?;
    for line in loaded.notices.iter().cloned().chain(loaded.faults.iter().map(ToString::to_string)) {
        eprintln!("{line}");
    }
    let CompileOutput::Kingress = args.output;
    let mut ingresses: Vec<_> = loaded.engine.store().derived().collect();
    ingresses.sort_by_key(|(key, _)| *key);
    for (_, ingress) in ingresses {
        writeln!(out, "---\n{}", serde_saphyr::to_string(&manifest(ingress))?.trim_end())?;
    }
    Ok(if loaded.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The object as a manifest has it.
fn manifest(ingress: &Ingress) -> Value {
    let metadata = &ingress.metadata;
    json!({
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "Ingress",
        "metadata": {"name": metadata.name, "namespace": metadata.namespace, "annotations": metadata.annotations},
        "spec": ingress.spec,
    })
}
