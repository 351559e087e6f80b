#include "admin/http_credentials.h"

#include <gtest/gtest.h>

namespace vmq::admin {
namespace {

TEST(HttpCredentials, TheKeyIsTheUserNameOfBasic) {
    EXPECT_EQ(shown_key("Basic a2V5Og==", ""), "key");             // key:
    EXPECT_EQ(shown_key("basic a2V5OnBhc3N3b3Jk", ""), "key");     // key:password
    EXPECT_EQ(shown_key("BASIC a2V5", ""), "key");                 // key
    EXPECT_EQ(shown_key("Basic bG9uZ2VyOmE6Yg==", ""), "longer");  // longer:a:b
}

TEST(HttpCredentials, TheOtherHeaderCountsOnlyWithoutAuthorization) {
    EXPECT_EQ(shown_key("", "key"), "key");
    EXPECT_EQ(shown_key("Bearer token", "key"), "");
    EXPECT_EQ(shown_key("Basic a2V5Og==", "other"), "key");
    EXPECT_EQ(shown_key("", ""), "");
}

TEST(HttpCredentials, WhatIsNoBase64IsNoKey) {
    for (const char* text : {"Basic", "Basic ", "Basic a", "Basic a2V5Og=", "Basic ====",
                             "Basic a=bc", "Basic a2V5Og==x", "Basic !!!!", "Basic a2V\n"}) {
        EXPECT_EQ(shown_key(text, "key"), "") << text;
    }
}

}  // namespace
}  // namespace vmq::admin
