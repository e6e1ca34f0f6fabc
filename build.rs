//! Generates the gRPC contract from `proto/`: the code of `src/proto.rs`, and the descriptor that reflection serves.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// The directory that imports are relative to.
const INCLUDE: &str = "proto";

/// One file for each service. What they import is found through them.
const SERVICES: [&str; 6] = [
    "proto/holdfast/v1/catalog_service.proto",
    "proto/holdfast/v1/checkout_service.proto",
    "proto/holdfast/v1/event_service.proto",
    "proto/holdfast/v1/operations_service.proto",
    "proto/holdfast/v1/supply_service.proto",
    "proto/holdfast/v1/warehouse_service.proto",
];

/// Encodes and decodes every message. It reports a message that cannot be decoded as `INVALID_ARGUMENT`, where tonic's
/// own codec says `INTERNAL`.
const CODEC: &str = "crate::grpc::codec::Codec";

/// Messages about people: `src/proto.rs` keeps what they say out of logs.
const PRIVATE: [&str; 3] = [
    "holdfast.v1.Customer",
    "holdfast.v1.OrderReleased",
    "holdfast.v1.Release",
];

/// What our packages are generated as, for the servers, whose messages are those of the clients but for [`SPELLED`].
const GENERATED: [(&str, &str); 2] = [
    (".holdfast.v1", "crate::proto::holdfast::v1"),
    (".google.type", "crate::proto::google::r#type"),
];

/// Answers that many readers share: a server gives them as bytes.
const SPELLED: [&str; 2] = [".holdfast.v1.WatchEventsResponse", ".holdfast.v1.WatchReleasesResponse"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={INCLUDE}");
    // They are compiled in, and a new file is no change of one that is known.
    println!("cargo::rerun-if-changed=migrations");

    let mut compiler = protox::Compiler::new([INCLUDE])?;
    compiler.include_imports(true).open_files(SERVICES)?;

    // Reflection needs the imports, but not the comments, which are most of the bytes.
    compiler.include_source_info(false);
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(
        out_dir.join("holdfast_descriptor.bin"),
        compiler.encode_file_descriptor_set(),
    )?;

    // The comments become the documentation of the generated code.
    compiler.include_source_info(true);
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(false)
        .codec_path(CODEC)
        .skip_debug(PRIVATE)
        .extern_path(".google.rpc.Status", "::tonic_types::Status")
        .compile_fds(compiler.file_descriptor_set())?;

    let servers = out_dir.join("servers");
    fs::create_dir_all(&servers)?;
    let spelled = SPELLED.map(|message| (message, "crate::grpc::codec::Spelled"));
    let found = GENERATED.into_iter().chain(spelled);
    found
        .fold(tonic_prost_build::configure(), |builder, (message, found_at)| {
            builder.extern_path(message, found_at)
        })
        .build_client(false)
        .build_server(true)
        .codec_path(CODEC)
        .out_dir(servers)
        .extern_path(".google.rpc.Status", "::tonic_types::Status")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
