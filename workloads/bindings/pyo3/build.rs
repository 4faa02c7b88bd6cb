//! Links the kernel library as every other binding does: found beside the environment, wherever the tree is moved to.
fn main() {
    println!("cargo:rerun-if-env-changed=BD_KERNELS");
    println!("cargo:rerun-if-changed=build.rs");
    let kernels = std::env::var("BD_KERNELS").expect("BD_KERNELS is the path of libbdkernels.so");
    println!("cargo:rerun-if-changed={kernels}");
    for argument in [&kernels, "-Wl,--build-id", "-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/../.."] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}
