//! A directory of manifests, from files to the decision of the data plane.

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;

use support::{Watched, ingress, ingress_with, service, slice};

#[test]
fn a_saved_change_is_in_effect() {
    let watched = Watched::start(&[("a.yaml", &ingress("a", "a.example", "one"))]);
    assert_eq!(watched.service_of("a.example").as_deref(), Some("one"));
    watched.write("a.yaml", &ingress("a", "a.example", "two"));
    let applied = watched.until(|watched| watched.service_of("a.example").as_deref() == Some("two"));
    assert_eq!(applied.ingresses[0].to_string(), "default/a");
    watched.write("sub/b.yaml", &ingress("b", "b.example", "one"));
    watched.until(|watched| watched.service_of("b.example").is_some());
    watched.write("sub/b.yaml", &ingress("b", "b.example", "two"));
    watched.until(|watched| watched.service_of("b.example").as_deref() == Some("two"));
}

#[test]
fn a_broken_file_keeps_its_last_good_version_and_touches_no_other() {
    let watched = Watched::start(&[("a.yaml", &ingress("a", "a.example", "one"))]);
    watched.write("a.yaml", "spec: [\n");
    let applied = watched.until(|watched| !watched.last_faults().is_empty());
    assert!(applied.faults[0].to_string().contains("a.yaml:2: is not YAML or JSON"), "{}", applied.faults[0]);
    watched.write("b.yaml", &ingress("b", "b.example", "one"));
    watched.until(|watched| watched.service_of("b.example").is_some());
    assert_eq!(watched.service_of("a.example").as_deref(), Some("one"));
    watched.write("a.yaml", &ingress("a", "a.example", "two"));
    watched.until(|watched| watched.service_of("a.example").as_deref() == Some("two"));
}

/// inotify tells absolute names, whatever the directory was called.
#[test]
fn a_directory_with_a_relative_name_is_kept_up_with() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), ingress("a", "a.example", "one")).unwrap();
    let here = std::env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(dir.path().strip_prefix("/").unwrap());
    let watched = Watched::in_dir_as(dir, &relative);
    watched.write("a.yaml", &ingress("a", "a.example", "two"));
    let applied = watched.until(|watched| watched.service_of("a.example").as_deref() == Some("two"));
    let again: Vec<_> = applied.faults.iter().filter(|fault| fault.problem.contains("already")).collect();
    assert!(again.is_empty(), "{again:?}");
}

#[test]
fn an_invalid_object_keeps_its_last_good_version_while_others_of_its_file_apply() {
    let both = |first: &str, second: &str| format!("{first}---\n{second}");
    let watched =
        Watched::start(&[("a.yaml", &both(&ingress("a", "a.example", "one"), &ingress("b", "b.example", "one")))]);
    for invalid in [
        ingress("a", "a.example", "two").replace("percent: 100", "percent: 99"),
        ingress("a", "a.example", "two").replace("percent: 100", "percent: all"),
        ingress("a", "a.example", "two").replace("splits", "splitz"),
    ] {
        watched.write("a.yaml", &both(&invalid, &ingress("b", "b.example", "one")));
        watched.until(|watched| {
            watched.last_faults().iter().any(|fault| fault.contains("Ingress default/a: spec.rules[0]"))
        });
        watched.write("a.yaml", &both(&invalid, &ingress("b", "b.example", "two")));
        watched.until(|watched| watched.service_of("b.example").as_deref() == Some("two"));
        assert_eq!(watched.service_of("a.example").as_deref(), Some("one"));
        watched.write("a.yaml", &both(&ingress("a", "a.example", "one"), &ingress("b", "b.example", "one")));
        watched.until(|watched| watched.service_of("b.example").as_deref() == Some("one"));
    }
}

#[test]
fn a_file_renamed_into_place_is_read_and_a_renamed_file_goes_on_serving() {
    let watched = Watched::start(&[("a.yaml", &ingress("a", "a.example", "one"))]);
    watched.write("next.tmp", &ingress("a", "a.example", "two"));
    fs::rename(watched.path("next.tmp"), watched.path("a.yaml")).unwrap();
    watched.until(|watched| watched.service_of("a.example").as_deref() == Some("two"));
    fs::rename(watched.path("a.yaml"), watched.path("b.yaml")).unwrap();
    watched.write("b.yaml", &ingress("a", "a.example", "three"));
    watched.until(|watched| watched.service_of("a.example").as_deref() == Some("three"));
    fs::remove_file(watched.path("b.yaml")).unwrap();
    watched.until(|watched| watched.service_of("a.example").is_none());
}

#[test]
fn a_file_that_is_emptied_and_then_filled_is_never_seen_empty() {
    let watched = Watched::start(&[("a.yaml", &ingress("a", "a.example", "one"))]);
    for service in ["two", "three", "four"] {
        fs::File::create(watched.path("a.yaml")).unwrap();
        watched.write("a.yaml", &ingress("a", "a.example", service));
        let applied = watched.until(|watched| watched.service_of("a.example").as_deref() == Some(service));
        assert_eq!(applied.ingresses.len(), 1);
        assert!(watched.never_missed("a.example"));
    }
    watched.write("a.yaml", "");
    watched.until(|watched| watched.service_of("a.example").is_none());
}

#[test]
fn an_object_that_leaves_its_file_is_removed_with_its_routes() {
    let first = ingress("a", "a.example", "one");
    let watched = Watched::start(&[("a.yaml", &format!("{first}---\n{}", ingress("b", "b.example", "one")))]);
    assert!(watched.service_of("b.example").is_some());
    watched.write("a.yaml", &first);
    watched.until(|watched| watched.service_of("b.example").is_none());
    assert_eq!(watched.service_of("a.example").as_deref(), Some("one"));
}

#[test]
fn a_conflict_is_reported_and_heals_when_the_owner_gives_the_host_up() {
    let watched = Watched::start(&[("a.yaml", &ingress("a", "a.example", "one"))]);
    watched.write("b.yaml", &ingress("b", "a.example", "two"));
    watched.until(|watched| {
        watched.last_faults().iter().any(|fault| {
            fault.contains(
                "b.yaml:9: Ingress default/b: spec.rules[0].hosts[0]: host a.example belongs to Ingress default/a;",
            )
        })
    });
    assert_eq!(watched.service_of("a.example").as_deref(), Some("one"));
    fs::remove_file(watched.path("a.yaml")).unwrap();
    watched.until(|watched| watched.service_of("a.example").as_deref() == Some("two"));
}

#[test]
fn an_endpoint_that_comes_or_goes_leaves_the_table_as_it_is() {
    let watched = Watched::start(&[
        ("a.yaml", &ingress("a", "a.example", "one")),
        ("s.yaml", &service("one")),
        ("e.yaml", &slice("one", &["127.0.0.1"])),
    ]);
    assert_eq!(watched.endpoints_of("a.example"), ["127.0.0.1:8080"]);
    let before = Arc::clone(&watched.table.load());
    watched.write("e.yaml", &slice("one", &["127.0.0.1", "127.0.0.2"]));
    watched.until(|watched| watched.endpoints_of("a.example").len() == 2);
    assert!(Arc::ptr_eq(&before, &watched.table.load()));
    fs::remove_file(watched.path("s.yaml")).unwrap();
    watched.until(|watched| watched.endpoints_of("a.example").is_empty());
    assert!(watched.last_faults()[0].contains("there is no Service default/one"));
    assert!(Arc::ptr_eq(&before, &watched.table.load()));
}

#[test]
fn a_change_of_several_files_at_once_takes_effect_together() {
    let watched =
        Watched::start(&[("a.yaml", &ingress("a", "a.example", "one")), ("b.yaml", &ingress("b", "b.example", "two"))]);
    watched.write("a.yaml", &ingress("a", "b.example", "one"));
    watched.write("b.yaml", &ingress("b", "a.example", "two"));
    watched.until(|watched| watched.service_of("a.example").as_deref() == Some("two"));
    watched.until_true(|watched| watched.service_of("b.example").as_deref() == Some("one"));
}

#[test]
fn a_mounted_config_map_is_swapped_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let version = |name: &str, service: &str| {
        fs::create_dir(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("a.yaml"), ingress("a", "a.example", service)).unwrap();
    };
    version("..1", "one");
    symlink("..1", dir.path().join("..data")).unwrap();
    symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
    let watched = Watched::in_dir(dir);
    assert_eq!(watched.service_of("a.example").as_deref(), Some("one"));
    fs::create_dir(watched.path("..2")).unwrap();
    fs::write(watched.path("..2/a.yaml"), ingress("a", "a.example", "two")).unwrap();
    symlink("..2", watched.path("..data_tmp")).unwrap();
    fs::rename(watched.path("..data_tmp"), watched.path("..data")).unwrap();
    fs::remove_dir_all(watched.path("..1")).unwrap();
    watched.until(|watched| watched.service_of("a.example").as_deref() == Some("two"));
    assert!(watched.never_missed("a.example"));
}

#[test]
fn a_folder_that_is_moved_in_or_out_is_noticed() {
    let watched = Watched::start(&[("keep.yaml", &ingress("keep", "keep.example", "one"))]);
    let outside = tempfile::tempdir_in(watched.path("..")).unwrap();
    fs::create_dir(outside.path().join("in")).unwrap();
    fs::write(outside.path().join("in/a.yaml"), ingress("a", "a.example", "one")).unwrap();
    fs::rename(outside.path().join("in"), watched.path("in")).unwrap();
    watched.until(|watched| watched.service_of("a.example").is_some());
    watched.write("in/a.yaml", &ingress("a", "a.example", "two"));
    watched.until(|watched| watched.service_of("a.example").as_deref() == Some("two"));
    fs::rename(watched.path("in"), outside.path().join("out")).unwrap();
    watched.until(|watched| watched.service_of("a.example").is_none());
    assert!(watched.service_of("keep.example").is_some());
}

#[test]
fn two_thousand_files_load_and_one_change_touches_one() {
    let names: Vec<_> =
        (0..2_000).map(|n| (format!("d{}/f{n}.yaml", n % 20), format!("i{n}"), format!("h{n}.example"))).collect();
    let texts: Vec<_> = names.iter().map(|(_, name, host)| ingress(name, host, "one")).collect();
    let files: Vec<_> = names.iter().zip(&texts).map(|((path, ..), text)| (path.as_str(), text.as_str())).collect();
    let watched = Watched::start(&files);
    assert_eq!(watched.table.load().len(), 2_000);
    watched.write("d7/f7.yaml", &ingress("i7", "h7.example", "two"));
    let applied = watched.until(|watched| watched.service_of("h7.example").as_deref() == Some("two"));
    assert_eq!(applied.ingresses.len(), 1);
}

#[test]
fn counters_outlive_a_change_of_their_ingress() {
    let watched = Watched::start(&[("a.yaml", &ingress("a", "a.example", "one"))]);
    let before = watched.traffic_of("a.example");
    watched.write("a.yaml", &ingress_with("a", "a.example", "one", "/x"));
    watched.until(|watched| watched.prefix_of("a.example").as_deref() == Some("/x"));
    assert!(Arc::ptr_eq(&before, &watched.traffic_of("a.example")));
}
