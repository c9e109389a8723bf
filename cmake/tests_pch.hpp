// The precompiled header of every test program.
#pragma once

#include <catch2/catch.hpp>

#include "cmake/pch.hpp"
