// A folder with an authority and a certificate for the listener, and contexts made from it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/tls/listener_files.h"
#include "support/tls/tls_pair.h"
#include "transport/tls_context.h"

namespace vmq::testing {

class TlsTest : public ::testing::Test, protected ListenerFiles {
protected:
    /// The context of `options`; the test has failed if there is none.
    std::shared_ptr<const transport::TlsContext> context(
        const transport::TlsContext* previous = nullptr) {
        auto loaded = transport::TlsContext::load(options, previous);
        EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().detail);
        return loaded ? std::move(loaded).value() : nullptr;
    }
    /// Why `options` cannot be loaded; empty: they can.
    std::string load_error() {
        const auto loaded = transport::TlsContext::load(options, nullptr);
        return loaded ? "" : loaded.error().detail;
    }
    /// Asks clients for certificates of `authority`.
    void require_certificate() {
        options.cafile = cafile;
        options.require_certificate = true;
    }
};

}  // namespace vmq::testing
