// What tests put under the Engine in place of the machine. Internal to this folder.
#pragma once

#include <rocksdb/env.h>

namespace vmq::store {

/// Has to outlive the Engine, as has the Env, whose threads and files the Engine uses.
struct EngineEnvironment {
    rocksdb::Env* env = nullptr;
};

}  // namespace vmq::store
